"""Samples as features."""

import numpy as np
import pytest

from steps_py.errors import ConfigError
from steps_py.feats.frames import FrameConfig
from steps_py.feats.types.mfcc import Mfcc, MfccConfig
from steps_py.feats.types.waveform import Waveform, WaveformTypeConfig

SAMPLES_N = np.random.default_rng(0).integers(-3000, 3000, 4000).astype(np.float32)


def compute(**frames):
    config = WaveformTypeConfig(frames=FrameConfig(sample_rate_hz=8000, **frames))
    return Waveform(config).compute(SAMPLES_N)


@pytest.mark.parametrize("snip_edges, first", [(True, 60), (False, 0)])
def test_the_samples_of_all_frames_are_those_of_the_recording(snip_edges, first):
    """Frames of 200 samples every 80: the middle begins at (200 - 80) / 2."""
    samples_N = compute(snip_edges=snip_edges)[:, 1:].flatten()
    assert np.array_equal(samples_N, SAMPLES_N[first : first + len(samples_N)])
    assert len(samples_N) == (80 * 48 if snip_edges else 4000)


def test_the_first_column_is_the_energy_that_voice_decisions_use():
    """Oracle: the raw log energy of MFCCs."""
    frames = FrameConfig(sample_rate_hz=8000, dither=0)
    expected_T = Mfcc(MfccConfig(frames=frames)).compute(SAMPLES_N)[:, 0]
    np.testing.assert_allclose(compute()[:, 0], expected_T, atol=1e-4)


def test_gaps_between_the_samples_of_frames_are_an_error():
    with pytest.raises(ConfigError, match=r"frame shift, 30 ms, is longer than a frame, 25 ms"):
        compute(frame_shift_ms=30)
