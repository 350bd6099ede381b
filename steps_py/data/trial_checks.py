"""Checks of a trial list against its enrolment and test sets.

Shape suffixes (scope: this module):
    T = trials, S = distinct names of sides
"""

from typing import TYPE_CHECKING

import numpy as np

from steps_py.data.trials import Trials
from steps_py.errors import DataDirError, some

if TYPE_CHECKING:
    from steps_py.data.trials import Trial


def check_trials(
    trials: "Trials | list[Trial]",
    enroll_utt2spk: dict[str, str],
    test_utt2spk: dict[str, str],
    where: str,
    corpus,
) -> tuple:
    """The trials to score, and messages for the log.

    Every side must be in its set; with ``corpus.config.partial`` trials with other sides are
    dropped.  There must be trials of both kinds, and no pair with two labels.  A pair can be
    repeated only in a published list, whose published results count it twice.  A label that
    disagrees with the speakers' names is an error, unless the list's entry in the config has
    ``labels: list``.  Ten million trials take 400 MB.
    """
    trials = Trials.of(trials)
    in_enroll_S, in_test_S = (
        np.array([side in utt2spk for side in trials.sides], bool)
        for utt2spk in (enroll_utt2spk, test_utt2spk)
    )
    kept = trials.where(in_enroll_S[trials.enroll_T] & in_test_S[trials.test_T])
    notes = []
    if len(kept) < len(trials):
        unknown = _unknown(trials, in_enroll_S, in_test_S)
        lost = f"{len(trials) - len(kept)} of {len(trials)} trials name utterances that are in"
        if not corpus.config.partial:
            raise DataDirError(
                f"{where}: {lost} no set: {len(unknown)} utterances ({some(unknown)})."
                f" Add their corpus part in data.sets, or set {corpus.key}.partial: true."
            )
        if not kept:
            raise DataDirError(
                f"{where}: all {len(trials)} trials name utterances that are in no set"
                f" ({some(unknown)}). Are enroll and test the sets that this list is about?"
            )
        notes.append(f"{where}: kept {len(kept)} of {len(trials)} trials")
    published = where in {f"{corpus.name}.{name}" for name in corpus.published_trials}
    _check_both_kinds(kept, where)
    notes += _check_repeats(kept, where, published)
    own = corpus.config.trials.get(where.removeprefix(f"{corpus.name}."))
    trusted = (own.labels if own else published and corpus.published_labels) == "list"
    notes += _check_labels(kept, enroll_utt2spk, test_utt2spk, where, published, trusted)
    return kept, notes


def _unknown(trials, in_enroll_S, in_test_S):
    """Sides that are not in the set of their place, sorted."""
    unknown_S = np.zeros(len(trials.sides), bool)
    for place_T, known_S in ((trials.enroll_T, in_enroll_S), (trials.test_T, in_test_S)):
        used_S = np.zeros(len(trials.sides), bool)
        used_S[place_T] = True
        unknown_S |= used_S & ~known_S
    return sorted(trials.sides[place] for place in np.flatnonzero(unknown_S))


def _check_both_kinds(trials, where):
    targets = np.count_nonzero(trials.target_T)
    if targets in (0, len(trials)):
        kind = "nontarget" if targets else "target"
        raise DataDirError(
            f"{where}: none of the {len(trials)} trials is a {kind} trial. Error rates need both."
        )


def _check_repeats(trials, where, published):
    order = 2 * _pairs(trials) + trials.target_T
    order.sort()  # equal pairs side by side, nontarget before target
    pairs = order >> 1
    again = pairs[1:] == pairs[:-1]
    both = pairs[1:][again & (order[1:] != order[:-1])]
    if both.size:
        raise DataDirError(
            f"{where}: {both.size} trials are both target and nontarget"
            f" ({_some_pairs(trials, both)}). Keep the right label."
        )
    repeats = np.count_nonzero(again)
    if not repeats:
        return []
    if published:
        return [f"{where}: {repeats} of {len(trials)} trials repeat another, as published"]
    twice = _some_pairs(trials, np.unique(pairs[1:][again]))
    raise DataDirError(
        f"{where}: {repeats} of {len(trials)} trials repeat another ({twice})."
        " Keep one line for each."
    )


def _check_labels(trials, enroll_utt2spk, test_utt2spk, where, published, trusted):
    numbers = {}
    enroll_spk_S, test_spk_S = (
        np.array(
            [numbers.setdefault(utt2spk.get(side), len(numbers)) for side in trials.sides], np.int32
        )
        for utt2spk in (enroll_utt2spk, test_utt2spk)
    )
    same_T = enroll_spk_S[trials.enroll_T] == test_spk_S[trials.test_T]
    wrong = np.flatnonzero(same_T != trials.target_T)
    if not wrong.size:
        return []
    said = (
        f"{where}: the labels of {wrong.size} of {len(trials)} trials disagree with utt2spk"
        f" ({_some_trials(trials, wrong)})"
    )
    if trusted and published:
        return []  # its speakers' names are not all known
    if trusted:
        return [f"WARNING: {said}; those of the list count (labels: list)"]
    if published:
        raise DataDirError(f"{said}. Is this list of another version of the corpus?")
    inverted = "All are inverted: write 1 for the same speaker, 0 for different ones. "
    raise DataDirError(
        f"{said}. {inverted if wrong.size == len(trials) else ''}Mend the labels or the speakers'"
        " names; if those names stand for no speakers, set labels: list beside the list's file."
    )


def _pairs(trials):
    """One number for each pair of sides, int64."""
    return trials.enroll_T.astype(np.int64) * len(trials.sides) + trials.test_T


def _some_pairs(trials, pairs):
    """Some of the distinct `pairs`, in the order of the list."""
    pair_T = _pairs(trials)
    places = np.flatnonzero(np.isin(pair_T, pairs))
    _, first = np.unique(pair_T[places], return_index=True)
    return _some_trials(trials, places[np.sort(first)])


def _some_trials(trials, places):
    shown = [trials[place] for place in places[:3]]
    return some((f"{t.enroll} {t.test}" for t in shown), total=len(places))
