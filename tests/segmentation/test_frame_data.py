"""Windows of recordings, and who speaks in them."""

import numpy as np
import pytest

from steps_py.diarization.rttm import write_rttm
from steps_py.diarization.turns import Turn
from steps_py.errors import DataDirError
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import TableWriter
from steps_py.segmentation.frame_data import FrameData, WindowReader, WindowSampler
from steps_py.segmentation.tasks.powerset import Powerset


def write_set(folder, lengths, turns=()):
    """Features whose first column is the number of the frame."""
    folder.mkdir(exist_ok=True)
    with TableWriter(f"ark,scp:{folder}/feats.ark,{folder}/feats.scp", FLOAT_MATRIX) as writer:
        for name, length in lengths.items():
            x_TD = np.tile(np.arange(length, dtype=np.float32)[:, None], (1, 3))
            writer.write(name, x_TD)
    write_rttm(folder / "ref.rttm", turns)
    return folder / "feats.scp", folder / "ref.rttm"


def test_frames_are_those_whose_middle_is_within_a_turn(tmp_path):
    turns = [Turn("a", 0.10, 0.20, "ann"), Turn("a", 0.15, 0.30, "bob"), Turn("a", 2.0, 3.0, "eve")]
    data = FrameData([write_set(tmp_path, {"a": 400}, turns)], 0.01, 10)
    active_TS = data.active(0, 5, 30)
    assert active_TS.shape == (30, 2)  # eve does not speak there
    assert np.flatnonzero(active_TS[:, 0]).tolist() == list(range(5, 15))
    assert np.flatnonzero(active_TS[:, 1]).tolist() == list(range(10, 25))
    assert data.active(0, 350, 30).shape == (30, 0)


def test_a_window_has_the_features_and_the_targets_of_its_place(tmp_path):
    turns = [Turn("b", 0.20, 0.40, "ann")]
    data = FrameData([write_set(tmp_path, {"a": 5, "b": 100}, turns)], 0.01, 10)
    assert data.names == ["b"]  # a is too short
    sampler = WindowSampler(data.num_frames_U, 10, batch_size=4, seed=1)
    batch = sampler.batch(3)
    x_BTD, target_BTS = WindowReader(data, Powerset(Powerset.Config())).read(batch)
    assert x_BTD[:, 0, 0].tolist() == batch.first_B.tolist()
    middles_BT = x_BTD[:, :, 0] + 0.5
    assert (target_BTS[:, :, 0] == ((middles_BT > 20) & (middles_BT < 40))).all()
    assert not target_BTS[:, :, 1:].any()


def test_windows_depend_on_the_step_alone_and_reach_every_place():
    sampler = WindowSampler(np.array([12, 10]), 10, batch_size=8, seed=1)
    places = set()
    for step in range(20):
        batch = sampler.batch(step)
        assert (batch.rows_B == sampler.batch(step).rows_B).all()
        places |= set(zip(batch.rows_B.tolist(), batch.first_B.tolist(), strict=True))
    assert places == {(0, 0), (0, 1), (0, 2), (1, 0)}


def test_recordings_that_are_too_short_and_names_in_two_sets_are_refused(tmp_path):
    with pytest.raises(DataDirError, match="none of 1 recordings has 10 frames"):
        FrameData([write_set(tmp_path / "a", {"a": 5})], 0.01, 10)
    pairs = [write_set(tmp_path / name, {"same": 50}) for name in ("b", "c")]
    with pytest.raises(DataDirError, match=r"1 recordings \(same\) are also in another set"):
        FrameData(pairs, 0.01, 10)
