"""Trials and their scores: joined by key, complete or not at all.

Shape suffixes (scope: this module):
    L = lines of a file, or pairs of scores   T = trials   R = some rows
"""

import hashlib
import os
from typing import NamedTuple

import numpy as np
import pandas as pd

from steps_py.data.pair_lines import read_columns, read_scored_pairs
from steps_py.data.pairs import Pairs
from steps_py.errors import ScoreError

LABELS = {"target": True, "nontarget": False}


class LabelledTrials(NamedTuple):
    """The trials of a list, and which are of one speaker: bool (T,)."""

    pairs: Pairs
    target: np.ndarray


class Scores(NamedTuple):
    """The score of each distinct pair, float64 (L,), and how many lines of the file it has."""

    pairs: Pairs
    score: np.ndarray
    lines: np.ndarray


class ScoredTrials(NamedTuple):
    """Score and label of each trial, in the order of the list."""

    score: np.ndarray
    target: np.ndarray


def read_trials(path: str | os.PathLike) -> LabelledTrials:
    """``enroll test target|nontarget`` lines as `LabelledTrials`.

    A pair may come twice, as in some published lists; it then counts twice.

    Raises
    ------
    ScoreError
        If a line has other than three fields, a label is unknown, or a pair has both labels.
    """
    pairs, targets = Pairs(), []
    for number, (enroll, test, labels) in read_columns(path, path, "label"):
        try:
            target_L = np.fromiter(map(LABELS.__getitem__, labels), bool, len(labels))
        except KeyError:
            row = next(row for row, label in enumerate(labels) if label not in LABELS)
            raise ScoreError(
                f"{path}:{number + row}: label is '{labels[row][:80]}',"
                " expected 'target' or 'nontarget'"
            ) from None
        pairs.extend(enroll, test)
        targets.append(target_L)
    target = np.concatenate(targets)
    repeated = pairs.repeated()
    if repeated.size:
        both = _second_values(pairs, target, repeated)
        if len(both):
            raise ScoreError(
                f"{path}: {len(both)} pairs are both target and nontarget ({pairs.shown(both)})."
                " Keep the right label."
            )
    return LabelledTrials(pairs, target)


def read_scores(path: str | os.PathLike) -> Scores:
    """``enroll test score`` lines, as Kaldi's scoring commands write them, as `Scores`.

    Raises
    ------
    ScoreError
        If a line has other than three fields, a score is no finite number, or a pair has two.
    """
    pairs, score = read_scored_pairs(path, path)
    repeated = pairs.repeated()
    if not repeated.size:
        return Scores(pairs, score, np.ones(len(score), np.int32))
    twice = _second_values(pairs, score, repeated)
    if len(twice):
        raise ScoreError(
            f"{path}: {len(twice)} pairs have two scores ({pairs.shown(twice)}). Remove the file"
            " and score again."
        )
    _, first, counts = np.unique(pairs.keys(), return_index=True, return_counts=True)
    order = np.argsort(first)  # pairs as they come first in the file
    return Scores(pairs.take(first[order]), score[first[order]], counts[order])


def join_scores(trials: LabelledTrials, scores: Scores, where: str | os.PathLike) -> ScoredTrials:
    """The trials with a score each, in the order of the list, as `ScoredTrials`.

    A pair that a list has twice may have one line in the scores, or two.

    Raises
    ------
    ScoreError
        If a trial has no score: metrics on the rest would be of another test; if a score is of
        no trial, or has more lines than the list, as when files were joined.
    """
    key_T, key_L = trials.pairs.keys(), scores.pairs.keys_by(trials.pairs)
    row_T = _rows(key_T, key_L)
    missing = np.flatnonzero(row_T < 0)
    if missing.size:
        raise ScoreError(
            f"{where}: {len(missing)} of {len(key_T)} trials have no score"
            f" ({trials.pairs.shown(missing)}). Metrics on the rest would be of another test; see"
            " that every utterance of the list has an x-vector."
        )
    sorted_T = np.sort(key_T)
    if len(key_L) > 1 + np.count_nonzero(np.diff(sorted_T)):
        extra = np.flatnonzero(_times(sorted_T, key_L) == 0)
        raise ScoreError(
            f"{where}: {len(extra)} of {len(key_L)} scores are of no trial of the list"
            f" ({scores.pairs.shown(extra)}). Are they of another list? Remove the file and"
            " score again."
        )
    repeated = np.flatnonzero(scores.lines > 1)
    repeated = repeated[scores.lines[repeated] > _times(sorted_T, key_L[repeated])]
    if repeated.size:
        raise ScoreError(
            f"{where}: {len(repeated)} of {len(key_L)} trials have more lines than in the list"
            f" ({scores.pairs.shown(repeated)}). Was the file written twice? Remove it and score"
            " again."
        )
    return ScoredTrials(scores.score[row_T], trials.target)


def _second_values(pairs, values, rows):
    """The row at which each pair of `rows` gets a second value; rows of the file's order."""
    table = pd.DataFrame({"key": pairs.keys()[rows], "value": values[rows]}, index=rows)
    table = table.drop_duplicates()
    return table[table.duplicated("key")].drop_duplicates("key").index.to_numpy()


def _rows(key_T, key_L):
    """Where each of `key_T` is among the distinct `key_L`; -1 for nowhere."""
    if np.array_equal(key_T, key_L):  # one order, as the commands write it
        return np.arange(len(key_T))
    order_L = np.argsort(key_L)
    place_T = np.searchsorted(key_L, key_T, sorter=order_L)
    row_T = order_L[np.minimum(place_T, len(order_L) - 1)]
    row_T[key_L[row_T] != key_T] = -1
    return row_T


def _times(sorted_T, key_R):
    first, end = (np.searchsorted(sorted_T, key_R, side) for side in ("left", "right"))
    return end - first


def checksum(path: str | os.PathLike) -> str:
    """The first 16 hexadecimal digits of a file's SHA-256: names a trial list beyond doubt."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
