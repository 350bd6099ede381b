"""Trials and their scores: joined by key, complete or not at all."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from steps_py.errors import ScoreError, some

LABELS = {"target": True, "nontarget": False}


PAIR = ["enroll", "test"]


def read_trials(path):
    """``enroll test target|nontarget`` lines as a table with a boolean `target`.

    A pair may come twice, as in some published lists; it then counts twice.

    Raises
    ------
    ScoreError
        If a line has other than three fields, a label is unknown, or a pair has both labels.
    """
    trials = _read_fields(path, [*PAIR, "label"])
    unknown = trials[~trials.label.isin(LABELS)]
    if len(unknown):
        row = unknown.index[0]
        raise ScoreError(
            f"{path}:{row + 1}: label is '{unknown.label[row][:80]}',"
            " expected 'target' or 'nontarget'"
        )
    trials["target"] = trials.pop("label").map(LABELS).astype(bool)
    repeated = trials[trials.duplicated(PAIR, keep=False)]
    both = repeated.drop_duplicates()
    both = both[both.duplicated(PAIR)]
    if len(both):
        raise ScoreError(
            f"{path}: {len(both)} pairs are both target and nontarget ({_shown(both)}). Keep the"
            " right label."
        )
    return trials


def read_scores(path):
    """``enroll test score`` lines, as Kaldi's scoring commands write them.

    Returns a table with a row a pair: its `score`, and how many `lines` it has.

    Raises
    ------
    ScoreError
        If a line has other than three fields, a score is no finite number, or a pair has two.
    """
    scores = _read_fields(path, [*PAIR, "score"])
    numbers = pd.to_numeric(scores.score, errors="coerce").astype(float)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        row = numbers.index[wrong][0]
        raise ScoreError(
            f"{path}:{row + 1}: score is '{scores.score[row][:80]}', expected a finite number"
            f" (trial {scores.enroll[row]} {scores.test[row]}). Look for x-vectors that are not"
            " finite, remove the file and score again."
        )
    scores["score"], scores["lines"] = numbers, 1
    repeated = scores.duplicated(PAIR, keep=False)
    if not repeated.any():
        return scores
    twice = scores[repeated].drop_duplicates()
    twice = twice[twice.duplicated(PAIR)].drop_duplicates(PAIR)
    if len(twice):
        raise ScoreError(
            f"{path}: {len(twice)} pairs have two scores ({_shown(twice)}). Remove the file and"
            " score again."
        )
    scores["lines"] = scores.groupby(PAIR, sort=False).lines.transform("sum")
    return scores.drop_duplicates()


def join_scores(trials, scores, where):
    """The trials with a `score` each, in the order of the list.

    A pair that a list has twice may have one line in the scores, or two.

    Raises
    ------
    ScoreError
        If a trial has no score: metrics on the rest would be of another test; if a score is of
        no trial, or has more lines than the list, as when files were joined.
    """
    joined = trials.merge(scores, on=PAIR, how="left", validate="many_to_one")
    missing = joined[joined.score.isna()]
    if len(missing):
        raise ScoreError(
            f"{where}: {len(missing)} of {len(joined)} trials have no score ({_shown(missing)})."
            " Metrics on the rest would be of another test; see that every utterance of the"
            " list has an x-vector."
        )
    times = trials.groupby(PAIR, sort=False).size() if trials.duplicated(PAIR).any() else None
    num_pairs = len(trials) if times is None else len(times)
    if len(scores) > num_pairs:
        beside = scores.merge(trials[PAIR].drop_duplicates(), on=PAIR, how="left", indicator=True)
        extra = beside[beside["_merge"] == "left_only"]
        raise ScoreError(
            f"{where}: {len(extra)} of {len(scores)} scores are of no trial of the list"
            f" ({_shown(extra)}). Are they of another list? Remove the file and score again."
        )
    repeated = scores[scores.lines > 1]
    if len(repeated):
        allowed = [1] * len(repeated) if times is None else times.loc[_pairs(repeated)].to_numpy()
        repeated = repeated[repeated.lines.to_numpy() > allowed]
    if len(repeated):
        raise ScoreError(
            f"{where}: {len(repeated)} of {len(scores)} trials have more lines than in the list"
            f" ({_shown(repeated)}). Was the file written twice? Remove it and score again."
        )
    return joined.drop(columns="lines")


def _pairs(table):
    return list(table[PAIR].itertuples(index=False, name=None))


def _shown(table):
    return some(f"{enroll} {test}" for enroll, test in _pairs(table))


def checksum(path):
    """The first 16 hexadecimal digits of a file's SHA-256: names a trial list beyond doubt."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def _read_fields(path, names):
    content = Path(path).read_bytes()
    try:
        lines = content.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise ScoreError(
            f"{path}:{number}: not UTF-8. The file is damaged; make it again."
        ) from None
    if not content:
        raise ScoreError(f"{path}: no line in it")
    rows = [line.split() for line in lines]
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            expected = " ".join(f"<{name}>" for name in names)
            raise ScoreError(
                f"{path}:{number}: expected '{expected}', got {lines[number - 1][:80]!r}"
            )
    return pd.DataFrame(rows, columns=names)
