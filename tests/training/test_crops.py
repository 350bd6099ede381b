"""Crops that are read from audio: each is altered by itself."""

import dataclasses

import numpy as np
import pytest

from steps_py.augment.config import OnlineConfig
from steps_py.chunks.allocation import Chunks
from steps_py.chunks.config import WaveformConfig
from steps_py.chunks.sampler import Batch
from steps_py.settings.build import replaced
from steps_py.training.crops import Crops
from tests.support.small_audio import allocate, write_conf, write_part, write_recordings
from tests.support.small_training import SECTIONS


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """A function that makes Crops of recordings, with noise at this probability."""
    folder = tmp_path_factory.mktemp("crops")
    conf = write_conf(folder)
    chunks_dir = allocate(write_recordings(folder, conf), folder / "chunks")
    noise_N = 500 * np.random.default_rng(1).standard_normal(30000)
    config = WaveformConfig(
        type="mfcc",
        conf=conf,
        copies={"noise": {"parts": ["n.noise"], "snr_db": [5], "interval_sec": 0.1}},
        parts={"n.noise": write_part(folder / "noise", {"noise": noise_N})},
    )
    train = replaced(SECTIONS["train"], "train", input="waveform")

    def make(probability):
        online = OnlineConfig(probability=probability)
        waveform = dataclasses.replace(config, online=online)
        sections = SECTIONS | {"train": train, "waveform": waveform}
        return Crops(sections, Chunks(chunks_dir / "train.tsv"))

    return make


def at_the_same_place(crops):
    """Two crops of each of two utterances, both from their first frame."""
    rows_B = np.array([0, 1])
    batch = Batch(rows_B, np.zeros(2, np.int64), np.zeros(2, np.int64), 40, step=3)
    crops._positions = lambda batch, num_frames_K: np.zeros((2, 2), np.int64)
    return crops.read(batch, [40, 40])


def test_crops_of_the_same_audio_have_noises_of_their_own(crops):
    first_BTD, second_BTD = at_the_same_place(crops(probability=1.0))
    assert all(not np.allclose(a, b) for a, b in zip(first_BTD, second_BTD, strict=True))
    again_BTD, _ = at_the_same_place(crops(probability=1.0))
    assert np.array_equal(first_BTD, again_BTD)


def test_without_noise_they_are_equal(crops):
    first_BTD, second_BTD = at_the_same_place(crops(probability=0.0))
    assert np.array_equal(first_BTD, second_BTD)
