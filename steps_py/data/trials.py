"""Trials: read the lists that corpora come with, check them against the sets, write them.

A trial asks whether an enrolment and a test utterance have one speaker; its label is
``target`` (one) or ``nontarget`` (two).
"""

import collections
from pathlib import Path
from typing import NamedTuple

from steps_py.errors import DataDirError, some
from steps_py.files import atomic_write

LABELS = {"target": True, "nontarget": False}
FLAGS = {"1": True, "0": False}


class Trial(NamedTuple):
    """One trial; the sides are utterance ids, or what a list file has in their place."""

    enroll: str
    test: str
    target: bool


def read_trial_list(path):
    """Read ``1|0 <enrol> <test>`` (VoxCeleb's lists) or ``<enrol> <test> target|nontarget``.

    Blank lines are passed over; any other line is a DataDirError with its number.
    """
    content = Path(path).read_bytes()
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise DataDirError(f"{path}:{number}: not UTF-8. Write the list in UTF-8.") from None
    trials = []
    for number, line in enumerate(lines, 1):
        match line.split():
            case [enroll, test, label] if label in LABELS:
                trials.append(Trial(enroll, test, LABELS[label]))
            case [flag, enroll, test] if flag in FLAGS:
                trials.append(Trial(enroll, test, FLAGS[flag]))
            case []:
                pass
            case _:
                raise DataDirError(
                    f"{path}:{number}: expected '1|0 <enrol> <test>' or '<enrol> <test>"
                    f" target|nontarget', got {line.rstrip()[:200]!r}. Mend the list."
                )
    return trials


def check_trials(trials, enroll_utt2spk, test_utt2spk, where, corpus):
    """The trials to score, and lines for the log; DataDirError if they cannot be trusted.

    Every side must be in its set; with ``corpus.config.partial`` the trials of which a
    side is not are left out.  Both kinds must be there, no pair may have two labels, and
    a pair may come twice only in a published list, where the published results count it
    twice.
    """
    kept = [t for t in trials if t.enroll in enroll_utt2spk and t.test in test_utt2spk]
    notes = []
    if len(kept) < len(trials):
        unknown = _unknown(trials, enroll_utt2spk, test_utt2spk)
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
    notes += _check_repeats(kept, where, published)
    notes += _check_labels(kept, enroll_utt2spk, test_utt2spk, where, published)
    return kept, notes


def write_trials(path, trials):
    """Write ``<enrol> <test> target|nontarget`` in the order of the list, all or nothing."""
    with atomic_write(path, "wb") as out:
        lines = [f"{t.enroll} {t.test} {'target' if t.target else 'nontarget'}\n" for t in trials]
        out.write("".join(lines).encode())


def _unknown(trials, enroll_utt2spk, test_utt2spk):
    unknown = {t.enroll for t in trials}.difference(enroll_utt2spk)
    return sorted(unknown | {t.test for t in trials}.difference(test_utt2spk))


def _check_repeats(trials, where, published):
    targets = sum(t.target for t in trials)
    if targets in (0, len(trials)):
        kind = "nontarget" if targets else "target"
        raise DataDirError(
            f"{where}: none of the {len(trials)} trials is a {kind} trial. Error rates need both."
        )
    labels = collections.defaultdict(set)
    for trial in trials:
        labels[trial.enroll, trial.test].add(trial.target)
    both = [f"{enroll} {test}" for (enroll, test), said in labels.items() if len(said) == 2]
    if both:
        raise DataDirError(
            f"{where}: {len(both)} trials are both target and nontarget ({some(both)})."
            " Keep the right label."
        )
    repeats = len(trials) - len(labels)
    if not repeats:
        return []
    if published:
        return [f"{where}: {repeats} of {len(trials)} trials repeat another, as published"]
    counts = collections.Counter((t.enroll, t.test) for t in trials)
    twice = [f"{enroll} {test}" for (enroll, test), number in counts.items() if number > 1]
    raise DataDirError(
        f"{where}: {repeats} of {len(trials)} trials repeat another ({some(twice)})."
        " Keep one line for each."
    )


def _check_labels(trials, enroll_utt2spk, test_utt2spk, where, published):
    wrong = [
        f"{t.enroll} {t.test}"
        for t in trials
        if (enroll_utt2spk[t.enroll] == test_utt2spk[t.test]) != t.target
    ]
    if not wrong:
        return []
    said = (
        f"{where}: the labels of {len(wrong)} of {len(trials)} trials disagree with utt2spk"
        f" ({some(wrong)})"
    )
    if published:
        raise DataDirError(f"{said}. Is this list of another version of the corpus?")
    return [said]
