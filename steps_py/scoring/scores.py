"""Trials and their scores: joined by key, complete or not at all."""

import hashlib
from pathlib import Path

import pandas as pd

from steps_py.errors import ScoreError, some

LABELS = {"target": True, "nontarget": False}


def read_trials(path):
    """``enroll test target|nontarget`` lines as a table with a boolean `target`.

    Raises
    ------
    ScoreError
        If a line has other than three fields or a label is unknown.

    A pair may come twice, as in some published lists; it then counts twice.
    """
    trials = _read_fields(path, ["enroll", "test", "label"])
    unknown = trials[~trials.label.isin(LABELS)]
    if len(unknown):
        row = unknown.index[0]
        raise ScoreError(
            f"{path}:{row + 1}: label is '{unknown.label[row][:80]}',"
            " expected 'target' or 'nontarget'"
        )
    trials["target"] = trials.pop("label").map(LABELS).astype(bool)
    return trials


def read_scores(path):
    """``enroll test score`` lines, as Kaldi's scoring commands write them."""
    scores = _read_fields(path, ["enroll", "test", "score"])
    numbers = pd.to_numeric(scores.score, errors="coerce")
    if numbers.isna().any():
        row = numbers.index[numbers.isna()][0]
        raise ScoreError(
            f"{path}:{row + 1}: score is '{scores.score[row][:80]}', expected a number"
        )
    scores["score"] = numbers
    scores = scores.drop_duplicates()
    twice = scores[scores.duplicated(["enroll", "test"])]
    if len(twice):
        raise ScoreError(
            f"{path}: {len(twice)} pairs have two scores"
            f" ({some(f'{row.enroll} {row.test}' for row in twice.itertuples())})."
            " Remove the file and score again."
        )
    return scores


def join_scores(trials, scores, where):
    """The trials with a `score` each, in the order of the list.

    Raises
    ------
    ScoreError
        If a trial has no score: metrics on the rest would be of another test.
    """
    joined = trials.merge(scores, on=["enroll", "test"], how="left", validate="many_to_one")
    missing = joined[joined.score.isna()]
    if len(missing):
        pairs = (f"{row.enroll} {row.test}" for row in missing.itertuples())
        raise ScoreError(
            f"{where}: {len(missing)} of {len(joined)} trials have no score ({some(pairs)})."
            " Metrics on the rest would be of another test; see that every utterance of the"
            " list has an x-vector."
        )
    return joined


def checksum(path):
    """The first 16 hexadecimal digits of a file's SHA-256: names a trial list beyond doubt."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def _read_fields(path, names):
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line.split() for line in lines]
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            expected = " ".join(f"<{name}>" for name in names)
            raise ScoreError(
                f"{path}:{number}: expected '{expected}', got {lines[number - 1][:80]!r}"
            )
    if not rows:
        raise ScoreError(f"{path}: no line in it")
    return pd.DataFrame(rows, columns=names)
