"""Pitch: tones and their frames, and the features made of it."""

import numpy as np
import pytest

from steps_py.errors import StepsError
from steps_py.feats.pitch import PitchConfig, PitchTracker, searched_lags_sec
from steps_py.feats.pitch_features import PitchFeatureConfig, pitch_features


@pytest.fixture(scope="module")
def pitch():
    """Of a second at 120 Hz and a second at 240 Hz, with overtones."""
    time = np.arange(16000) / 16000
    tones = [sum(np.sin(2 * np.pi * f0 * k * time) / k for k in (1, 2, 3)) for f0 in (120, 240)]
    return PitchTracker(PitchConfig()).compute(5000 * np.concatenate(tones))


def test_tones_have_their_pitch(pitch):
    np.testing.assert_allclose(pitch[20:80, 1], 120, rtol=0.01)
    np.testing.assert_allclose(pitch[120:180, 1], 240, rtol=0.01)


def test_the_correlation_of_a_tone_is_near_one(pitch):
    assert pitch[20:80, 0].min() > 0.95


def test_a_frame_needs_its_window_only():
    tracker = PitchTracker(PitchConfig())
    assert len(tracker.compute(np.ones(400))) == 1
    assert len(tracker.compute(np.ones(399 - 16))) == 0


def test_silence_has_a_pitch_and_no_correlation():
    silent = PitchTracker(PitchConfig()).compute(np.zeros(8000))
    assert np.isfinite(silent).all() and not silent[:, 0].any()


def test_lags_grow_by_one_ratio():
    lags = searched_lags_sec(PitchConfig(min_f0_hz=100, max_f0_hz=200, delta_pitch=0.1))
    assert lags[0] == pytest.approx(1 / 200) and lags[-1] <= 1 / 100
    np.testing.assert_allclose(lags[1:] / lags[:-1], 1.1, rtol=1e-5)


def test_a_constant_pitch_has_no_normalised_pitch_and_no_change():
    flat = np.column_stack((np.full(30, 0.9), np.full(30, 150.0)))
    config = PitchFeatureConfig(delta_pitch_noise_stddev=0, add_raw_log_pitch=True)
    feats = pitch_features(flat, config, np.random.default_rng(0))
    np.testing.assert_allclose(feats[:, 1:3], 0, atol=1e-5)
    np.testing.assert_allclose(feats[:, 3], np.log(150), rtol=1e-6)


def test_a_delay_repeats_the_first_frame(pitch):
    config = PitchFeatureConfig(delta_pitch_noise_stddev=0, delay=3)
    feats = pitch_features(pitch, config, np.random.default_rng(0))
    assert len(feats) == len(pitch) + 3
    np.testing.assert_array_equal(feats[0], feats[3])


def test_no_feature_at_all_is_refused():
    with pytest.raises(StepsError, match="no feature is chosen"):
        PitchFeatureConfig(
            add_pov_feature=False, add_normalized_log_pitch=False, add_delta_pitch=False
        )
