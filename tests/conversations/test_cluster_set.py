"""From x-vectors of windows to turns: numbers of speakers, joined windows, tuning, the table."""

import numpy as np
import pytest

from steps_py.conversations.cluster_set import build_clusterer, cluster_set, labels_of, turns_of
from steps_py.conversations.config import ScoringSection
from steps_py.conversations.der_table import SetScores, der_interval, table_text
from steps_py.diarization.error_rate import Errors
from steps_py.errors import ConfigError, StepsError

AHC = {"name": "ahc", "threshold": 0.5}


@pytest.fixture
def x_ND():
    """Four windows of one direction, then four of another."""
    rng = np.random.default_rng(0)
    return np.repeat(np.eye(8)[:2], 4, axis=0) + 0.05 * rng.normal(size=(8, 8))


def windows_of(number):
    return [(0.75 * n, 0.75 * n + 1.5) for n in range(number)]


def test_two_voices_are_two_speakers_in_the_order_in_which_they_begin(x_ND):
    label_N = labels_of(build_clusterer(AHC), x_ND)
    assert label_N.tolist() == [1, 1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("number", [1, 2, 3, 8, 30])
def test_a_known_number_of_speakers_is_found_where_there_are_as_many_windows(x_ND, number):
    found = labels_of(build_clusterer(AHC), x_ND, num_speakers=number)
    assert len(set(found)) == min(number, 8)


def test_bounds_move_the_estimate_to_the_nearer_of_them(x_ND):
    clusterer = build_clusterer(AHC)
    assert len(set(labels_of(clusterer, x_ND, bounds=(3, None)))) == 3
    assert len(set(labels_of(clusterer, x_ND, bounds=(None, 1)))) == 1


def test_one_window_and_none_need_no_clusterer():
    clusterer = build_clusterer(AHC)
    assert labels_of(clusterer, np.ones((1, 4))).tolist() == [1]
    assert labels_of(clusterer, np.ones((0, 4))).tolist() == []


def test_a_change_of_speaker_is_in_the_middle_of_the_overlap():
    turns = turns_of("r", windows_of(4), np.array([1, 1, 2, 2]))
    assert [(t.start_sec, t.end_sec, t.speaker) for t in turns] == [
        (0.0, 1.875, "r-1"),
        (1.875, 3.75, "r-2"),
    ]


def test_turns_do_not_join_over_silence():
    turns = turns_of("r", [(0.0, 1.0), (2.0, 3.0)], np.array([1, 1]))
    assert len(turns) == 2


def test_a_set_with_a_silent_recording_has_turns_of_the_others(x_ND):
    xvectors = {"a": x_ND, "silent": np.zeros((0, 8), np.float32)}
    turns = cluster_set(build_clusterer(AHC), xvectors, {"a": windows_of(8), "silent": []})
    assert {turn.recording for turn in turns} == {"a"}


def test_an_unknown_number_that_is_to_be_known_is_an_error(x_ND):
    with pytest.raises(ConfigError, match="neither a reference nor a line in reco2num_spk"):
        cluster_set(build_clusterer(AHC), {"a": x_ND}, {"a": windows_of(8)}, num_speakers={})


def test_a_misspelt_clusterer_or_option_has_the_nearest_name():
    with pytest.raises(StepsError, match="Did you mean 'spectral'"):
        build_clusterer({"name": "spectal"})
    with pytest.raises(StepsError, match="Did you mean 'threshold'"):
        build_clusterer({"name": "ahc", "treshold": 0.1})


def test_the_interval_spans_recordings_of_different_error_rates():
    errors = [Errors(speech_sec=10, miss_sec=miss) for miss in (0, 1, 2, 3, 4)]
    low, high = der_interval(errors, draws=500, seed=0)
    assert 0 < low < 20 < high < 40


def test_the_table_says_what_was_tuned_on_the_set_itself():
    errors = {"ahc": {"r": Errors(speech_sec=10, confusion_sec=1, num_speakers=2, num_found=3)}}
    scores = SetScores("dev", errors, {"ahc": (np.nan, np.nan)}, ScoringSection(draws=0))
    tuned = {"ahc": {"options": {"threshold": 0.3}}}
    text = table_text(scores, "oracle", tuned, "dev")
    assert "tuned     ahc: threshold 0.3, on THIS SET: its error rate is optimistic" in text
    assert "on dev" in table_text(scores, "oracle", tuned, "dev").replace("THIS SET", "dev")
    assert "10.00" in text
