"""DOVER-Lap: several answers to who spoke when, joined by a vote.

Names of speakers are first made the same in all systems: one system after the other, from the best
on, is mapped to those before it, so that speakers that talk at the same times have one name.  Then
each stretch of time goes to the names with the most votes, as many as systems find on average.
A system's vote is worth ``rank ** -0.1``, with the ranks of its mean error rate against the others.

Sources: Raj, Garcia-Perera, Huang, Watanabe, Povey, Stolcke and Khudanpur, "DOVER-Lap: a method for
combining overlap-aware diarization outputs" (SLT 2021); the mapping by pairs is that of Raj and
Khudanpur, "Reformulating DOVER-Lap label mapping as a graph partitioning problem" (2021).

Shape suffixes (scope: this module):
    K = systems   L = names of speakers   P = parts of time between two changes
"""

from collections.abc import Sequence

import numpy as np

from steps_py.diarization.error_rate import best_pairs, score
from steps_py.diarization.turns import Turn, by_recording, merge_spans, merge_turns
from steps_py.errors import ScoreError

RANK_POWER = 0.1


def dover_lap(systems: Sequence[Sequence[Turn]]) -> list[Turn]:
    """The vote of several systems.

    Parameters
    ----------
    systems : sequence of sequences of Turn
        Answers for the same recordings.  A recording that a system has no turns of counts as
        silence of it.

    Returns
    -------
    list of Turn
        Sorted.  Speakers are ``<recording>-1`` ... in the order in which they begin.

    Raises
    ------
    ScoreError
        If there is no system.

    Examples
    --------
    >>> one = [Turn("r", 0.0, 5.0, "a"), Turn("r", 5.0, 9.0, "b")]
    >>> two = [Turn("r", 0.0, 6.0, "x"), Turn("r", 6.0, 9.0, "y")]
    >>> three = [Turn("r", 0.0, 6.0, "2"), Turn("r", 6.0, 8.0, "1")]
    >>> for turn in dover_lap([one, two, three]):
    ...     print(turn.start_sec, turn.end_sec, turn.speaker)
    0.0 6.0 r-1
    6.0 9.0 r-2
    """
    if not systems:
        raise ScoreError("DOVER-Lap: there is no system. Give two or more.")
    answers = [by_recording(merge_turns(turns)) for turns in systems]
    recordings = sorted(set().union(*answers))
    return [
        turn
        for name in recordings
        for turn in _vote(name, [answer.get(name, []) for answer in answers])
    ]


def system_weights(answers: Sequence[Sequence[Turn]]) -> np.ndarray:
    """Weights (K,) of the systems of one recording, which sum to 1.

    Systems with the same mean error rate share the mean of their weights.
    """
    num = len(answers)
    errors_KK = np.array([[_error_rate(truth, found) for truth in answers] for found in answers])
    mean_K = errors_KK.sum(axis=1) / max(1, num - 1)
    by_rank_K = np.arange(1, num + 1, dtype=float) ** -RANK_POWER
    order_K = np.argsort(mean_K, kind="stable")
    weight_K = np.empty(num)
    for value in np.unique(mean_K.round(9)):
        same_K = mean_K.round(9) == value
        weight_K[same_K] = by_rank_K[np.isin(order_K, np.flatnonzero(same_K))].mean()
    return weight_K / weight_K.sum()


def _error_rate(truth, found):
    if not truth:
        return 1.0 if found else 0.0
    (errors,) = score(truth, found).values()
    return errors.der / 100


def _vote(recording, answers):
    weight_K = system_weights(answers)
    edges_P1 = np.unique([time for turns in answers for t in turns for time in t[1:3]])
    if not len(edges_P1):
        return []
    active = [_activity(turns, edges_P1) for turns in answers]
    length_P = np.diff(edges_P1)
    order = np.argsort(-weight_K, kind="stable")
    mapped_KLP = _mapped([active[k] for k in order], length_P)
    weights_K = weight_K[order]
    votes_LP = np.einsum("k,klp->lp", weights_K, mapped_KLP)
    number_P = np.floor(np.einsum("k,klp->p", weights_K, mapped_KLP) + 0.5 + 1e-9).astype(int)
    rank_LP = np.argsort(np.argsort(-votes_LP, axis=0, kind="stable"), axis=0)
    spoken_LP = (rank_LP < number_P) & (votes_LP > 0)
    return _turns(recording, spoken_LP, edges_P1)


def _activity(turns, edges_P1):
    """Who speaks in each part, 0 or 1 (S, P), speakers in the order of their names."""
    speakers = sorted({turn.speaker for turn in turns})
    active_SP = np.zeros((len(speakers), len(edges_P1) - 1))
    for turn in turns:
        first, end = np.searchsorted(edges_P1, (turn.start_sec, turn.end_sec))
        active_SP[speakers.index(turn.speaker), first:end] = 1
    return active_SP


def _mapped(active, length_P):
    """Activities with the same names in all systems, (K, L, P)."""
    names_LP = np.zeros((0, len(length_P)))  # of the systems so far, added up
    places = []
    for active_SP in active:
        pairs = best_pairs((active_SP * length_P) @ names_LP.T)
        place_S = np.full(len(active_SP), -1)
        for speaker, name in pairs:
            place_S[speaker] = name
        new = np.flatnonzero(place_S < 0)
        place_S[new] = len(names_LP) + np.arange(len(new))
        names_LP = np.pad(names_LP, ((0, len(new)), (0, 0)))
        names_LP[place_S] += active_SP
        places.append(place_S)
    mapped_KLP = np.zeros((len(active), *names_LP.shape))
    for mapped_LP, place_S, active_SP in zip(mapped_KLP, places, active, strict=True):
        mapped_LP[place_S] = active_SP
    return mapped_KLP


def _turns(recording, spoken_LP, edges_P1):
    spans = {}
    for name, part in zip(*np.nonzero(spoken_LP), strict=True):
        span = float(edges_P1[part]), float(edges_P1[part + 1])
        spans.setdefault(int(name), []).append(span)
    joined = {name: merge_spans(own) for name, own in spans.items()}
    in_order = sorted(joined, key=lambda name: (joined[name][0], name))
    return sorted(
        Turn(recording, *span, f"{recording}-{number}")
        for number, name in enumerate(in_order, start=1)
        for span in joined[name]
    )
