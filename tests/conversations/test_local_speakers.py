"""Windows in which a network tells speakers apart, joined to recordings."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.conversations.cluster_set import build_clusterer
from steps_py.conversations.config import LocalWindowsConfig
from steps_py.conversations.local_set import (
    cluster_local_set,
    read_local_speakers,
    write_local_speakers,
)
from steps_py.conversations.local_speakers import LocalSpeakers, one_each, turns_of_windows
from steps_py.diarization.error_rate import score
from steps_py.diarization.turns import Turn
from steps_py.errors import ConfigError, DataDirError
from steps_py.segmentation.segmenter import window_starts

SHIFT_SEC, NUM_FRAMES, WINDOW, STEP = 0.1, 300, 50, 20
AHC = {"name": "ahc", "threshold": 0.5}


def perfect(seed, num_speakers=3):
    """A conversation, and its windows as a network without faults has them, in any order."""
    rng = np.random.default_rng(seed)
    active_TS = np.zeros((NUM_FRAMES, num_speakers), bool)
    for start in range(0, NUM_FRAMES - 20, 20):
        active_TS[start : start + 26, rng.integers(num_speakers)] = True
    first_W = window_starts(NUM_FRAMES, WINDOW, STEP)
    orders = [rng.permutation(num_speakers) for _ in first_W]
    active = [
        active_TS[first : first + WINDOW, order]
        for first, order in zip(first_W, orders, strict=True)
    ]
    local = LocalSpeakers(first_W, active, SHIFT_SEC)
    speakers = local.speakers(min_sec=0.05)
    who_N = np.array([orders[window][number] for window, number in speakers])
    return active_TS, local, speakers, who_N


def reference(active_TS):
    turns = []
    for speaker, own_T in enumerate(active_TS.T):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], own_T.astype(int), [0]])))
        turns += [
            Turn("r", a * SHIFT_SEC, b * SHIFT_SEC, f"s{speaker}") for a, b in edges.reshape(-1, 2)
        ]
    return turns


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_windows_without_faults_and_right_labels_give_the_reference(seed):
    active_TS, local, speakers, who_N = perfect(seed)
    found = turns_of_windows("r", local, speakers, who_N, 0.0)
    (errors,) = score(reference(active_TS), found).values()
    assert errors.der == pytest.approx(0, abs=1e-6)


def test_x_vectors_lead_to_the_same_speakers_in_all_windows():
    active_TS, local, _, who_N = perfect(3)
    x_ND = np.eye(8)[who_N] + 0.05 * np.random.default_rng(0).normal(size=(len(who_N), 8))
    config = LocalWindowsConfig(min_sec=0.05, max_pause_sec=0)
    found = cluster_local_set(build_clusterer(AHC), {"r": (local, x_ND)}, config)
    (errors,) = score(reference(active_TS), found).values()
    assert errors.der == pytest.approx(0, abs=1e-6)
    assert list(dict.fromkeys(turn.speaker for turn in found)) == ["r-1", "r-2", "r-3"]


def test_a_speaker_whom_one_of_three_windows_hears_is_outvoted():
    none_TS, one_TS = np.zeros((10, 1), bool), np.ones((10, 1), bool)
    local = LocalSpeakers([0, 0, 0], [one_TS, none_TS, none_TS], SHIFT_SEC)
    assert turns_of_windows("r", local, local.speakers(0.05), np.array([1]), 0.0) == []


def test_speakers_of_a_window_get_clusters_of_their_own_where_there_are_enough():
    x_ND = np.array([[1, 0], [0.9, 0.3], [0, 1.0]])
    one_window = [(0, 0), (0, 1), (1, 0)]
    assert one_each(one_window, x_ND, np.array([1, 1, 2])).tolist() == [1, 2, 2]
    assert one_each(one_window, x_ND, np.array([1, 1, 1])).tolist() == [1, 1, 1]


def test_x_vectors_are_of_frames_without_others_if_there_are_enough():
    active_TS = np.array([[1, 0]] * 6 + [[1, 1]] * 4, bool)
    local = LocalSpeakers([100], [active_TS], SHIFT_SEC)
    assert local.frames_of(0, 0, min_sec=0.5).tolist() == list(range(100, 106))
    assert local.frames_of(0, 1, min_sec=0.2).tolist() == list(range(106, 110))
    assert local.speakers(min_sec=0.5) == [(0, 0)]


def named(name):
    return SimpleNamespace(features=SimpleNamespace(name=name))


def test_archives_have_what_was_found_also_of_a_recording_without_windows(tmp_path):
    _, local, speakers, who_N = perfect(1)
    xvectors = list(np.eye(4, dtype=np.float32)[who_N])
    found = {"a-b": (local, xvectors), "empty": (LocalSpeakers((), (), SHIFT_SEC), [])}
    write_local_speakers(tmp_path, map(named, found), lambda each: found[each.features.name])
    again = read_local_speakers(tmp_path)
    assert list(again) == ["a-b", "empty"]
    assert again["a-b"][0].first_W == tuple(local.first_W)
    assert again["a-b"][0].speakers(0.05) == speakers
    np.testing.assert_array_equal(again["a-b"][1], np.stack(xvectors))
    turns = cluster_local_set(build_clusterer(AHC), again, LocalWindowsConfig(min_sec=0.05))
    assert {turn.recording for turn in turns} == {"a-b"}


def test_nothing_is_left_if_a_recording_fails(tmp_path):
    def fail(each):
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write_local_speakers(tmp_path, map(named, ["a"]), fail)
    assert not list(tmp_path.iterdir())


def test_other_x_vectors_than_speakers_and_unknown_numbers_are_refused():
    _, local, speakers, _ = perfect(1)
    config = LocalWindowsConfig(min_sec=0.05)
    clusterer = build_clusterer(AHC)
    with pytest.raises(DataDirError, match="has 1 x-vectors, but"):
        cluster_local_set(clusterer, {"r": (local, np.ones((1, 4)))}, config)
    x_ND = np.ones((len(speakers), 4))
    with pytest.raises(ConfigError, match="known_num_speakers is true, but r has neither"):
        cluster_local_set(clusterer, {"r": (local, x_ND)}, config, num_speakers={})
