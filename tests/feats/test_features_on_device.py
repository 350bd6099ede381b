"""Features by torch, for many stretches at once: those of numpy, whose oracle is Kaldi."""

import dataclasses

import numpy as np
import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.feats.frames import FrameConfig
from steps_py.feats.mel import MelConfig
from steps_py.feats.on_device import DeviceFeatures
from steps_py.feats.types.fbank import Fbank, FbankConfig
from steps_py.feats.types.mfcc import Mfcc, MfccConfig
from steps_py.feats.types.spectrogram import SpectrogramConfig

FRAMES = FrameConfig(dither=0)
MELS = MelConfig(num_bins=30, low_freq_hz=20, high_freq_hz=7600)
MFCCS = {
    "as in egs": {"num_ceps": 30},
    "energy after the window": {"raw_energy": False, "cepstral_lifter": 0},
    "a floor": {"energy_floor": 1e10},
    "no energy": {"use_energy": False, "num_ceps": 20},
    "like HTK": {"htk_compat": True},
    "like HTK, no energy": {"htk_compat": True, "use_energy": False},
}
FBANKS = {
    "as in egs": {},
    "energy": {"use_energy": True},
    "energy last": {"use_energy": True, "htk_compat": True},
    "magnitudes": {"use_power": False},
    "no logarithm": {"use_log_fbank": False},
}
CUTS = {
    "Kaldi's": {},
    "every shift": {"snip_edges": False},
    "long shift": {"snip_edges": False, "frame_shift_ms": 40.0},
    "no DC removal": {"remove_dc_offset": False, "preemphasis": 0.0},
    "Hamming, 400 points": {"window": "hamming", "round_to_power_of_two": False},
}


def audio(num_samples=9000, num=3):
    rng = np.random.default_rng(0)
    level_N = 300 + 3000 * np.sin(np.arange(num_samples) / 900) ** 2
    return np.rint(level_N * rng.standard_normal((num, num_samples))).astype(np.float32)


def assert_equal(config, extractor, audio_BN, atol=1e-3):
    x_BTD = DeviceFeatures(config)(torch.from_numpy(audio_BN))
    assert x_BTD.dtype == torch.float32
    expected = np.stack([extractor(config).compute(x_N) for x_N in audio_BN])
    assert x_BTD.shape == expected.shape
    np.testing.assert_allclose(x_BTD.numpy(), expected, atol=atol, rtol=1e-4)


@pytest.mark.parametrize("name", MFCCS)
def test_mfccs_are_those_of_numpy(name):
    assert_equal(MfccConfig(frames=FRAMES, mel=MELS, **MFCCS[name]), Mfcc, audio())


@pytest.mark.parametrize("name", FBANKS)
def test_filter_banks_are_those_of_numpy(name):
    assert_equal(FbankConfig(frames=FRAMES, mel=MELS, **FBANKS[name]), Fbank, audio())


@pytest.mark.parametrize("num_samples", [0, 150, 399, 400, 5000])
@pytest.mark.parametrize("cut", CUTS)
def test_frames_are_cut_as_by_numpy(cut, num_samples):
    frames = dataclasses.replace(FRAMES, **CUTS[cut])
    if num_samples == 0 and not frames.snip_edges:
        num_samples = 1
    # liftering multiplies by up to 12, and with it what numpy and Kaldi differ by in weak bands
    assert_equal(MfccConfig(frames=frames, mel=MELS), Mfcc, audio(num_samples), atol=5e-3)


def test_what_pads_a_stretch_changes_only_frames_that_reach_it():
    config = MfccConfig(frames=FRAMES, mel=MELS)
    audio_BN = audio()
    padded_BN = np.concatenate([audio_BN, np.zeros((3, 3000), np.float32)], axis=1)
    features = DeviceFeatures(config)
    x_BTD = features(torch.from_numpy(audio_BN))
    longer_BTD = features(torch.from_numpy(padded_BN).to(torch.int16))
    np.testing.assert_allclose(longer_BTD[:, : x_BTD.shape[1]], x_BTD, atol=1e-4)


def test_dither_has_its_size_and_comes_from_the_generator():
    frames = FrameConfig(dither=2.0, remove_dc_offset=False, preemphasis=0.0, window="rectangular")
    features = DeviceFeatures(FbankConfig(frames=frames, use_energy=True))
    first, again, other = (
        features(torch.zeros(40, 16000), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    mean_square = first[..., 0].double().exp().mean().item() / frames.length_samples
    assert mean_square == pytest.approx(4.0, rel=0.02)


def test_other_features_are_refused_by_name():
    with pytest.raises(ConfigError, match=r"mfcc or fbank, not spectrogram"):
        DeviceFeatures(SpectrogramConfig(frames=FRAMES))
