"""Magnitude spectrograms, and filters on other scales than the mel scale."""

import numpy as np
import pytest
import scipy.signal

from steps_py.errors import ConfigError
from steps_py.feats.feature_conf import extractor_of, feature_dim, read_feature_conf
from steps_py.feats.frames import FrameConfig
from steps_py.feats.types.magnitude_spectrogram import (
    MagnitudeSpectrogram,
    MagnitudeSpectrogramConfig,
)
from steps_py.feats.types.scaled_fbank import ScaledFbank, ScaledFbankConfig, scaled_filters
from steps_py.feats.types.spectrogram import Spectrogram, SpectrogramConfig

SAMPLES_N = np.random.default_rng(0).integers(-3000, 3000, 8000).astype(np.float32)
PLAIN = {"dither": 0, "preemphasis": 0, "remove_dc_offset": False}


@pytest.mark.parametrize("length_ms, to_power, dim", [(20, False, 161), (25, True, 257)])
@pytest.mark.parametrize("use_power", [False, True])
def test_spectrograms_are_those_of_scipy(length_ms, to_power, dim, use_power):
    frames = FrameConfig(
        **PLAIN, window="hanning", frame_length_ms=length_ms, round_to_power_of_two=to_power
    )
    config = MagnitudeSpectrogramConfig(frames=frames, use_power=use_power)
    length, shift = frames.length_samples, frames.shift_samples
    window_L = scipy.signal.windows.hann(length)
    _, _, expected_FT = scipy.signal.spectrogram(
        SAMPLES_N.astype(float),
        window=window_L,
        noverlap=length - shift,
        nfft=2 * (dim - 1),
        detrend=False,
        scaling="spectrum",
        mode="magnitude",
    )
    expected_TF = (expected_FT.T * window_L.sum()) ** (2 if use_power else 1)
    got_TF = MagnitudeSpectrogram(config).compute(SAMPLES_N)
    assert got_TF.shape == (expected_TF.shape[0], dim)
    np.testing.assert_allclose(got_TF, expected_TF, rtol=1e-3, atol=1e-4 * expected_TF.max())


def test_log_powers_are_those_of_kaldis_type_but_for_its_first_column():
    frames = FrameConfig(dither=0)
    config = MagnitudeSpectrogramConfig(frames=frames, use_power=True, use_log=True)
    got_TF = MagnitudeSpectrogram(config).compute(SAMPLES_N)
    expected_TF = Spectrogram(SpectrogramConfig(frames=frames)).compute(SAMPLES_N)
    np.testing.assert_allclose(got_TF[:, 1:], expected_TF[:, 1:], atol=2e-3)


def test_digital_silence_has_finite_logarithms():
    config = MagnitudeSpectrogramConfig(frames=FrameConfig(dither=0), use_log=True)
    assert np.isfinite(MagnitudeSpectrogram(config).compute(np.zeros(4000))).all()


@pytest.mark.parametrize("scale", ["linear", "mel", "amel"])
def test_the_filter_whose_centre_is_nearest_to_a_tone_has_most_energy(scale):
    """Centres by hand, in Hz: half the rate is 8000, and 8000 Hz are 2840 mel."""
    mel = 1127 * np.log1p(8000 / 700) * np.arange(1, 21) / 21
    centres = {
        "linear": 8000 * np.arange(1, 21) / 21,
        "mel": 700 * np.expm1(mel / 1127),
        "amel": 8000 - 700 * np.expm1(mel[::-1] / 1127),
    }[scale]
    config = ScaledFbankConfig(frames=FrameConfig(dither=0), scale=scale, num_bins=20)
    for tone_hz in (700, 2500, 5000, 7300):
        tone_N = 1000 * np.sin(2 * np.pi * tone_hz / 16000 * np.arange(8000))
        energies_TM = ScaledFbank(config).compute(tone_N)
        edges = np.concatenate([[0], centres, [8000]])
        m = int(energies_TM.mean(axis=0).argmax())
        assert edges[m] < tone_hz < edges[m + 2]


def test_the_reversed_mel_scale_mirrors_the_filters_of_the_mel_scale():
    frames = FrameConfig(dither=0)
    mel_FM, amel_FM = (
        scaled_filters(ScaledFbankConfig(frames=frames, scale=scale, num_bins=24))
        for scale in ("mel", "amel")
    )
    np.testing.assert_allclose(amel_FM, mel_FM[::-1, ::-1], atol=1e-5)


def test_filters_between_their_first_and_last_centre_sum_to_one():
    weights_FM = scaled_filters(ScaledFbankConfig(frames=FrameConfig(), num_bins=15))
    np.testing.assert_allclose(weights_FM[17:239].sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"scale": "liner"}, "unknown scale 'liner'. Did you mean 'linear'?"),
        ({"num_bins": 200, "scale": "mel"}, r"filter 0 of 200 lies between two frequencies"),
        ({"low_freq": 9000}, "cutoffs that rise from 0 to half the sample rate, 8000 Hz"),
    ],
)
def test_impossible_filters_are_errors(fields, message):
    with pytest.raises(ConfigError, match=message):
        scaled_filters(ScaledFbankConfig(frames=FrameConfig(), **fields))


def test_conf_files_set_the_options_of_both_types(tmp_path):
    conf = tmp_path / "feats.conf"
    conf.write_text("--use-log=true\n--frame-length=20\n--round-to-power-of-two=false\n")
    assert feature_dim("magnitude_spectrogram", conf) == 161
    conf.write_text("--scale=amel\n--num-bins=30\n--use-power=false\n")
    config = read_feature_conf("scaled_fbank", conf)
    assert (config.scale, config.use_power) == ("amel", False)
    assert extractor_of("scaled_fbank", config).compute(SAMPLES_N).shape == (48, 30)
