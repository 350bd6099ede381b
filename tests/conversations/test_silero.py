"""Speech detector silero: smoothing by hand, pieces of long recordings, the missing package."""

import importlib.util

import numpy as np
import pytest
import torch

from steps_py.audio.pieces import SoundInMemory
from steps_py.audio.wave import Wave
from steps_py.conversations.speech import silero
from steps_py.conversations.speech.base import Heard
from steps_py.conversations.speech.silero import Silero, speech_probabilities, with_hysteresis
from steps_py.errors import StepsError


class LoudIsSpeech:
    """In place of the network: the probability is the mean of a frame, forgotten by and by."""

    def reset_states(self):
        self._state_B1 = 0

    def __call__(self, frame_BN, rate_hz):
        assert frame_BN.shape[1] == {16000: 512, 8000: 256}[rate_hz]
        self._state_B1 = 0.5 * self._state_B1 + 0.5 * frame_BN.mean(dim=1, keepdim=True)
        return self._state_B1


def sound_of(samples_N, rate_hz=8000):
    return SoundInMemory(Wave(rate_hz, np.asarray(samples_N, np.float32)[np.newaxis]))


def test_a_long_recording_has_the_probabilities_of_one_frame_after_the_other(monkeypatch):
    monkeypatch.setattr(silero, "_load", LoudIsSpeech)
    monkeypatch.setattr(silero, "NUM_STREAMS", 2)
    samples_N = np.random.default_rng(0).integers(0, 30000, 8000 * 75 + 100).astype(np.float32)
    network, expected = LoudIsSpeech(), []
    network.reset_states()
    padded_N = np.pad(samples_N, (0, -len(samples_N) % 256))
    for frame_N in torch.from_numpy(padded_N / np.float32(32768)).split(256):
        expected.append(network(frame_N[None], 8000).item())
    found_T = speech_probabilities(sound_of(samples_N))
    np.testing.assert_allclose(found_T, expected, atol=1e-6)


def test_stretches_are_padded_and_short_pauses_closed(monkeypatch):
    probability_T = np.zeros(100)
    probability_T[10:30] = 0.9  # 0.32 to 0.96 s
    probability_T[32:40] = 0.6  # after a pause of 64 ms, to 1.28 s
    probability_T[60:62] = 0.9  # too short
    monkeypatch.setattr(silero, "speech_probabilities", lambda sound: probability_T)
    found = Silero(Silero.Config()).stretches(Heard(sound_of(np.zeros(3 * 8000)), None))
    assert found == [pytest.approx((0.29, 1.31))]


@pytest.mark.parametrize("probability, expected", [([], []), ([0.4], [False]), ([0.9], [True])])
def test_short_recordings_are_decided_too(probability, expected):
    assert with_hysteresis(np.array(probability), 0.5, 0.35).tolist() == expected


def test_without_its_package_the_detector_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StepsError, match="'silero' needs the package silero-vad"):
        speech_probabilities(sound_of(np.zeros(8000)))


@pytest.mark.parametrize("rate_hz", [8000, 11025])
def test_silence_is_no_speech_at_any_rate(rate_hz):
    pytest.importorskip("silero_vad")
    found = Silero(Silero.Config()).stretches(Heard(sound_of(np.zeros(rate_hz), rate_hz), None))
    assert found == []
