"""Diarization error rates of several systems as the table results/<set>_der.txt and as rows.

Shape suffixes (scope: this module):
    R = recordings   D = draws
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steps_py.conversations.config import ScoringSection
from steps_py.diarization.error_rate import Errors, ScoringConfig, score, total
from steps_py.diarization.rttm import read_rttm
from steps_py.diarization.uem import read_uem
from steps_py.files import atomic_write
from steps_py.scoring.bootstrap import draw_speakers, interval

COLUMNS = (
    *("DER %", "miss %", "false alarm %", "confusion %", "JER %", "speakers", "found", "speech s"),
)
TSV_COLUMNS = (
    *("set", "system", "recording", "der", "low", "high", "miss", "false_alarm", "confusion"),
    *("jer", "num_speakers", "num_found", "speech_sec"),
)


@dataclass(frozen=True)
class SetScores:
    """The errors of each system on a set.

    Attributes
    ----------
    name : str
        Of the set.
    errors : dict of str to dict of str to Errors
        System -> recording -> errors.
    intervals : dict of str to (low, high)
        Of the DER of each system, in percent; nan without a bootstrap.
    scoring : ScoringSection
    """

    name: str
    errors: dict[str, dict[str, Errors]]
    intervals: dict[str, tuple[float, float]]
    scoring: ScoringSection

    @classmethod
    def count(
        cls,
        name: str,
        reference: str | os.PathLike,
        regions: str | os.PathLike,
        systems: Mapping[str, str | os.PathLike],
        scoring: ScoringSection,
    ) -> "SetScores":
        """Score the RTTM files of systems, ``{system: path}``, against a reference."""
        config = ScoringConfig(collar_sec=scoring.collar_sec, score_overlap=scoring.score_overlap)
        truth, parts = read_rttm(reference), read_uem(regions)
        errors = {
            system: score(truth, read_rttm(path), parts, config) for system, path in systems.items()
        }
        intervals = {
            system: der_interval(list(of_system.values()), scoring.draws, scoring.seed)
            for system, of_system in errors.items()
        }
        return cls(name, errors, intervals, scoring)


def der_interval(errors: list[Errors], draws: int, seed: int) -> tuple[float, float]:
    """The 95 % interval of the DER of all recordings, which are drawn again and again.

    >>> der_interval([Errors(speech_sec=10, miss_sec=2)] * 5, draws=100, seed=0)
    (20.0, 20.0)
    """
    if not draws:
        return np.nan, np.nan
    times_RD = draw_speakers(len(errors), draws, seed)
    wrong_R = [e.miss_sec + e.false_alarm_sec + e.confusion_sec for e in errors]
    speech_D = np.array([e.speech_sec for e in errors]) @ times_RD
    wrong_D = np.array(wrong_R) @ times_RD
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(100 * wrong_D / speech_D)


def table_text(
    scores: SetScores, speech: str, tuned: Mapping[str, dict], tuned_on: str | None
) -> str:
    """The table: what was scored, a row for each system, and one for each of its recordings."""
    recordings = list(next(iter(scores.errors.values())))
    collar, overlap = scores.scoring.collar_sec, scores.scoring.score_overlap
    lines = [
        f"set       {scores.name}: {len(recordings)} recordings",
        f"speech    {speech}",
        f"scoring   collar {collar:g} s, overlapping speech {'' if overlap else 'not '}scored",
    ]
    if scores.scoring.draws:
        lines.append(
            f"intervals 95 %, bootstrap over {len(recordings)} recordings, {scores.scoring.draws}"
            f" draws, seed {scores.scoring.seed}"
        )
    for system, chosen in tuned.items():
        options = ", ".join(f"{key} {value:g}" for key, value in chosen["options"].items())
        on = "THIS SET: its error rate is optimistic" if tuned_on == scores.name else tuned_on
        lines.append(f"tuned     {system}: {options}, on {on}")
    rows = [["system", *COLUMNS]]
    for system, of_system in scores.errors.items():
        rows.append([system, *_cells(total(of_system.values()), scores.intervals[system])])
    lines += ["", *_aligned(rows)]
    for system, of_system in scores.errors.items():
        rows = [["recording", *COLUMNS]]
        rows += [[name, *_cells(errors)] for name, errors in of_system.items()]
        lines += ["", f"{system}, by recording", *_aligned(rows)]
    return "\n".join(lines) + "\n"


def _cells(errors, bounds=(np.nan, np.nan)):
    der = f"{errors.der:.2f}"
    if np.isfinite(bounds).all():
        der += f" [{bounds[0]:.2f}, {bounds[1]:.2f}]"
    parts = (errors.miss_sec, errors.false_alarm_sec, errors.confusion_sec)
    return [
        der,
        *(f"{errors.percent(part):.2f}" for part in parts),
        f"{errors.jer:.2f}",
        str(errors.num_speakers),
        str(errors.num_found),
        f"{errors.speech_sec:.1f}",
    ]


def _aligned(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def write_tsv(path: str | Path, scores: SetScores) -> None:
    """Write a row for each system and recording; recording ``*`` is the total."""
    with atomic_write(path) as out:
        out.write("\t".join(TSV_COLUMNS) + "\n")
        for system, of_system in scores.errors.items():
            everything = total(of_system.values())
            low, high = scores.intervals[system]
            rows = [("*", everything, low, high)]
            rows += [(name, errors, np.nan, np.nan) for name, errors in of_system.items()]
            for name, errors, low, high in rows:
                parts = (errors.miss_sec, errors.false_alarm_sec, errors.confusion_sec)
                numbers = [errors.der, low, high, *map(errors.percent, parts), errors.jer]
                cells = [scores.name, system, name, *(f"{number:.4f}" for number in numbers)]
                cells += [str(errors.num_speakers), str(errors.num_found)]
                out.write("\t".join([*cells, f"{errors.speech_sec:.3f}"]) + "\n")
