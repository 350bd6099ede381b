"""The metrics of systems on one trial list: values, intervals, and which differences are real.

Shape suffixes (scope: this module):
    T = trials   T2 = enrolment and test side of trials   D = draws of speakers
"""

import dataclasses
import functools
import itertools
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from steps_py.data.data_dir import read_table
from steps_py.errors import ScoreError
from steps_py.scoring.bootstrap import draw_speakers, interval, two_sided_p
from steps_py.scoring.conditions import coded, parts_of, parts_to_equalise, values_of
from steps_py.scoring.identification import ListShapeError
from steps_py.scoring.scores import checksum, join_scores, read_scores, read_trials
from steps_py.scoring.sorted_trials import SortedTrials

POOLED = ""  # the condition of all trials


@dataclasses.dataclass(frozen=True)
class SideTables:
    """Files that say something of the utterances of each side: their speakers, or a condition.

    With `bins` the values are numbers, see `steps_py.scoring.conditions.values_of`. With
    `by_speaker` the tables are of speakers.
    """

    enroll: str
    test: str
    bins: list[float] | None = None
    by_speaker: bool = False


class Evaluation(NamedTuple):
    """Tables of one list.

    measures : list, system, condition, metric, value, low, high, num_trials, num_targets,
        list_sha256; a row of each system, condition and metric.  The condition of all trials is
        empty, low and high are nan without draws, and the value is nan where trials are of one
        kind.
    comparisons : list, condition, metric, system, other, difference, low, high, p_value; a row
        for each condition, metric and two systems.
    num_speakers : those that were drawn; None without draws.
    """

    measures: pd.DataFrame
    comparisons: pd.DataFrame
    num_speakers: int | None


MEASURES = (
    *("list", "system", "condition", "metric", "value", "low", "high"),
    *("num_trials", "num_targets", "list_sha256"),
)
COMPARISONS = (
    *("list", "condition", "metric", "system", "other"),
    *("difference", "low", "high", "p_value"),
)


def evaluate(
    trials_path: str | os.PathLike,
    score_paths: list[Path],
    metrics: list,
    *,
    speakers: SideTables | None = None,
    num_draws: int = 0,
    seed: int = 0,
    conditions: dict[str, SideTables] | None = None,
) -> Evaluation:
    """Measure every system on a trial list.

    Parameters
    ----------
    trials_path : path
    score_paths : paths ``.../<system>/<trials>``
        The folder names the system.
    metrics : list of Metric
    speakers
        The tables utt2spk of both sides; needed for draws.
    num_draws, seed
        Of the bootstrap over speakers; 0 draws: no intervals, no p-values.
    conditions
        Name -> tables of a value of each utterance.

    Raises
    ------
    ScoreError
        If a trial has no score or a score no trial, all trials are of one kind, or an utterance
        is missing in a table.
    """
    trials, sha256 = read_trials(trials_path), checksum(trials_path)
    if trials.target.all() or not trials.target.any():
        kind = "target" if trials.target.all() else "nontarget"
        raise ScoreError(
            f"{trials_path}: all {len(trials.target)} trials are {kind} trials. Metrics need both"
            " kinds; add the other."
        )
    times_SD = speakers_T2 = None
    if num_draws:
        if speakers is None:
            raise ScoreError("metrics: intervals need the tables utt2spk of both sides")
        known, speakers_T2 = _coded(trials.pairs, speakers, None)
        times_SD = draw_speakers(len(known), num_draws, seed)
    coded_of = {
        name: _coded(trials.pairs, tables, speakers) for name, tables in (conditions or {}).items()
    }
    test_T, test_names = trials.pairs.test_L, list(trials.pairs.place_of)
    rows, draws_of = [], {}
    for path in map(Path, score_paths):
        system = path.parent.name
        joined = join_scores(trials, read_scores(path), path)
        own = [metric for metric in metrics if metric.is_for(system)]
        for condition, is_in_T, part_T in _parts(coded_of, trials.target):
            target_T = joined.target[is_in_T]
            values = np.full(len(own), np.nan)
            draws = np.full((len(own), num_draws), np.nan)
            if condition == POOLED or 0 < target_T.sum() < len(target_T):
                of_part = SortedTrials(
                    joined.score[is_in_T],
                    target_T,
                    None if speakers_T2 is None else speakers_T2[is_in_T],
                    test_T[is_in_T],
                    test_names,
                    part_T,
                )
                values, draws = _measure(of_part, own, times_SD, is_part=condition != POOLED)
            common = {"list": Path(trials_path).name, "system": system, "condition": condition}
            counts = {"num_trials": len(target_T), "num_targets": int(target_T.sum())}
            for metric, value, value_D in zip(own, values, draws, strict=True):
                low, high = interval(value_D)
                measured = {"metric": metric.name, "value": value, "low": low, "high": high}
                rows.append({**common, **measured, **counts, "list_sha256": sha256})
                if not np.isnan(value):
                    draws_of.setdefault((condition, metric.name), {})[system] = value, value_D
    measures = pd.DataFrame(rows, columns=list(MEASURES))
    comparisons = list(_compare(Path(trials_path).name, draws_of)) if num_draws else []
    return Evaluation(
        measures,
        pd.DataFrame(comparisons, columns=list(COMPARISONS)),
        len(times_SD) if num_draws else None,
    )


def _parts(coded_of, target_T):
    """Yield (condition, its trials, parts of them that count alike or None)."""
    yield POOLED, slice(None), None
    for name, (known, value_T2) in coded_of.items():
        for condition, is_in_T in parts_of(name, known, value_T2):
            yield condition, is_in_T, None
        part_T = parts_to_equalise(known, value_T2, target_T)
        if part_T is not None:
            yield f"{name}=equalised", part_T >= 0, part_T[part_T >= 0]


def _measure(trials, metrics, times_SD, is_part):
    """The value of each metric, and its values under the draws, nan where it does not exist."""
    once = trials.once()
    values, exist = np.full(len(metrics), np.nan), []
    for row, metric in enumerate(metrics):
        try:
            values[row] = metric.compute(once)[0]
        except ListShapeError:
            if not is_part:  # a part of a list for identification need not be one
                raise
        else:
            exist.append((row, metric))
    num_draws = 0 if times_SD is None else times_SD.shape[1]
    draws = np.full((len(metrics), num_draws), np.nan)
    if num_draws:
        for which, weighted in trials.blocks(times_SD):
            for row, metric in exist:
                draws[row, which] = metric.compute(weighted)
    return values, draws


def _compare(name, draws_of):
    """A row for each two systems that have a metric, condition by condition."""
    for (condition, metric), of_system in draws_of.items():
        for system, other in itertools.combinations(of_system, 2):
            (value, value_D), (other_value, other_D) = of_system[system], of_system[other]
            low, high = interval(value_D - other_D)
            yield {
                "list": name,
                "condition": condition,
                "metric": metric,
                "system": system,
                "other": other,
                "difference": value - other_value,
                "low": low,
                "high": high,
                "p_value": two_sided_p(value_D - other_D),
            }


def _coded(pairs, tables, speakers):
    """`steps_py.scoring.conditions.coded` of the values in files."""

    read = functools.cache(read_table)  # both sides may have one table

    def values(side):
        path = getattr(tables, side)

        def of(names):
            if tables.by_speaker:
                utt2spk = getattr(speakers, side)
                names = values_of(names, read(utt2spk), None, utt2spk)
            return values_of(names, read(path), tables.bins, path)

        return of

    return coded(pairs, values("enroll"), values("test"))
