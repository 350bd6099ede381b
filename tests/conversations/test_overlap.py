"""Second speakers where several speak, and resegmentation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.backend.plda import Plda
from steps_py.conversations.clustered import Clustered
from steps_py.conversations.overlap import with_second_speakers
from steps_py.conversations.refine_set import add_second_speakers, resegment_set
from steps_py.conversations.resegmentation import RESEGMENTATIONS
from steps_py.conversations.second_speakers import SECOND_SPEAKERS
from steps_py.conversations.second_speakers.base import choose_for
from steps_py.diarization.turns import Turn
from steps_py.errors import ConfigError

PLDA = Plda(np.zeros(3), np.eye(3), [80.0, 80.0, 80.0])
TURNS = [Turn("r", 0.0, 3.0, "r-1"), Turn("r", 3.0, 6.0, "r-2"), Turn("r", 6.0, 9.0, "r-3")]
WINDOWS = [(0.5 * n, 0.5 * n + 1.0) for n in range(17)]


def clustered_of(turns=TURNS, first_of_last=2, plda=PLDA):
    """Windows of three directions; the first one sounds like speaker 1 with some of another."""
    x_ND = np.repeat(np.eye(3), [6, 6, 5], axis=0) + 0.01
    x_ND[0, first_of_last] += 0.7
    return Clustered(turns, WINDOWS, x_ND, plda)


def second(name, clustered, begin, end, speaker):
    return choose_for(SECOND_SPEAKERS.build({"name": name}), clustered)(begin, end, speaker)


def test_the_nearest_turn_of_another_speaker_names_the_second():
    assert second("nearest_in_time", clustered_of(), 2.0, 2.5, "r-1") == "r-2"
    assert second("nearest_in_time", clustered_of(), 5.5, 6.0, "r-2") == "r-3"


@pytest.mark.parametrize("name", ["next_likely", "vb"])
@pytest.mark.parametrize("other", [1, 2])
def test_the_speaker_whose_voice_is_in_the_window_is_the_second(name, other):
    clustered = clustered_of(first_of_last=other)
    assert second(name, clustered, 0.0, 0.4, "r-1") == f"r-{other + 1}"


@pytest.mark.parametrize("name", sorted(SECOND_SPEAKERS.names()))
def test_the_second_speaker_is_another_one_of_the_recording(name):
    clustered = clustered_of()
    for begin in np.arange(0, 9, 0.4):
        for speaker in clustered.speakers:
            assert second(name, clustered, begin, begin + 0.3, speaker) in {*clustered.speakers} - {
                speaker
            }


@pytest.mark.parametrize("name", sorted(SECOND_SPEAKERS.names()))
def test_in_a_recording_of_one_speaker_nobody_is_the_second(name):
    turns = [Turn("r", 0.0, 9.0, "r-1")]
    method = SECOND_SPEAKERS.build({"name": name})
    windows, xvectors = {"r": WINDOWS}, {"r": np.ones((17, 3))}
    found = add_second_speakers(method, turns, {"r": [(1.0, 2.0)]}, windows, xvectors)
    assert found == turns


spans = st.tuples(st.integers(0, 80), st.integers(1, 30)).map(
    lambda pair: (pair[0] / 10, sum(pair) / 10)
)


@given(st.lists(spans, max_size=3))
def test_second_speakers_are_added_in_overlaps_and_nothing_is_removed(overlaps):
    overlaps = sorted(overlaps)
    choose = choose_for(SECOND_SPEAKERS.build({"name": "nearest_in_time"}), clustered_of())
    found = with_second_speakers(TURNS, overlaps, choose)
    for time in np.arange(0.05, 9, 0.1):
        before, after = (
            {t.speaker for t in turns if t.start_sec <= time < t.end_sec}
            for turns in (TURNS, found)
        )
        inside = any(begin <= time < end for begin, end in overlaps)
        assert before <= after and len(after) == (2 if inside else 1)


def test_where_two_speak_already_there_is_no_third():
    turns = [*TURNS, Turn("r", 1.0, 2.0, "r-3")]
    assert with_second_speakers(turns, [(1.0, 2.0)], lambda *stretch: "r-2") == sorted(turns)


def test_a_window_has_the_speaker_who_speaks_most_in_it_or_the_nearest():
    turns = [Turn("r", 0.0, 1.2, "b"), Turn("r", 1.2, 2.0, "a"), Turn("r", 9.0, 9.5, "a")]
    windows = [(0.0, 1.5), (1.0, 2.5), (3.0, 4.0), (7.0, 8.0)]
    assert Clustered(turns, windows, np.ones((4, 3))).rows().tolist() == [0, 1, 1, 1]


def test_resegmentation_moves_a_change_to_where_the_voice_changes():
    early = [Turn("r", 0.0, 2.0, "x"), Turn("r", 2.0, 6.0, "y"), Turn("r", 6.0, 9.0, "z")]
    x_ND = clustered_of().x_ND
    method = RESEGMENTATIONS.build({"name": "vb"})
    found = resegment_set(method, early, {"r": WINDOWS}, {"r": x_ND}, PLDA)
    assert [(turn.speaker, turn.start_sec, turn.end_sec) for turn in found] == [
        ("x", 0.0, 3.25),
        ("y", 3.25, 6.25),
        ("z", 6.25, 9.0),
    ]


def test_resegmentation_keeps_the_speakers_and_needs_a_plda():
    method = RESEGMENTATIONS.build({"name": "vb"})
    clustered = clustered_of()
    assert set(method.rows(clustered)) == {0, 1, 2}
    with pytest.raises(ConfigError, match="needs a PLDA model"):
        method.rows(clustered_of(plda=None))
