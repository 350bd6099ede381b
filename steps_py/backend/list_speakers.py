"""Speakers of trial lists, and lists that must have none in common with others."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from steps_py.data.data_dir import read_table
from steps_py.data.trials import read_trial_list
from steps_py.errors import ScoreError, some


class ListSpeakers(NamedTuple):
    """The name of a trial list, and the speakers of its utterances."""

    name: str
    speakers: set


def read_list_speakers(trials, enroll_utt2spk, test_utt2spk) -> ListSpeakers:
    """The speakers of a list ``data/trials/<name>``, by the tables utt2spk of its sides."""
    listed, speakers = read_trial_list(trials), set()
    for table, place_T in ((enroll_utt2spk, listed.enroll_T), (test_utt2spk, listed.test_T)):
        utt2spk = read_table(table)
        sides = (listed.sides[place] for place in np.unique(place_T).tolist())
        speakers.update(utt2spk[utt] for utt in sides if utt in utt2spk)
    return ListSpeakers(Path(trials).name, speakers)


def read_all(words: tuple) -> list[ListSpeakers]:
    """`read_list_speakers` of each three of `words`, which `StepJob.speakers_of` gives."""
    return [read_list_speakers(*words[place : place + 3]) for place in range(0, len(words), 3)]


def check_no_speaker_in(speakers: Iterable[str], lists: list, what: str, cure: str) -> None:
    """Raise ScoreError that names the speakers which `what` shares with trial lists.

    >>> lists = [ListSpeakers("test", {"ann", "bob"})]
    >>> check_no_speaker_in({"bob"}, lists, "the cohort", "Take other sets.")
    Traceback (most recent call last):
    steps_py.errors.ScoreError: the cohort shares 1 speaker with the trial list 'test' (bob). \
Take other sets.
    """
    for trial_list in lists:
        shared = sorted(trial_list.speakers & set(speakers))
        if shared:
            number = f"{len(shared)} speaker{'s' if len(shared) > 1 else ''}"
            raise ScoreError(
                f"{what} shares {number} with the trial list '{trial_list.name}'"
                f" ({some(shared)}). {cure}"
            )
