"""Speech and windows of recordings."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.audio.pieces import ResampledSound, SoundInFile, SoundInMemory
from steps_py.audio.sox import change_rate
from steps_py.audio.wave import Wave, quantise
from steps_py.conversations.speech import SPEECH_DETECTORS
from steps_py.conversations.speech.base import Heard
from steps_py.conversations.windows import WindowsConfig, cut_windows
from steps_py.embeddings.long_features import LongFeatures
from steps_py.feats.front_end import FrontEnd

CONF = "--sample-frequency=8000\n--dither=0\n--num-ceps=20\n--use-energy=true"


def features_of(samples_N, snip_edges=True, piece_frames=100):
    front_end = FrontEnd(
        type="mfcc",
        conf=f"{CONF}\n--snip-edges={str(snip_edges).lower()}",
        vad_conf="--vad-energy-mean-scale=0.5",
    )
    wave = Wave(8000, np.asarray(samples_N, np.float32)[np.newaxis])
    sound = SoundInMemory(wave)
    return front_end, wave, LongFeatures(front_end, sound, "noise", piece_frames)


@pytest.mark.parametrize("snip_edges", [True, False])
@pytest.mark.parametrize("num_samples", [150, 8000, 24010])
def test_features_of_pieces_are_those_of_the_whole(snip_edges, num_samples):
    samples_N = np.random.default_rng(0).normal(scale=500, size=num_samples)
    front_end, wave, features = features_of(samples_N, snip_edges)
    if not features.num_frames:
        return
    whole_TD, is_voiced_T = front_end.compute(wave, "noise")
    assert features.num_frames == len(whole_TD)
    np.testing.assert_allclose(features.rows(0, len(whole_TD)), whole_TD, atol=2e-3)
    assert features.is_voiced().tolist() == is_voiced_T.tolist()


def test_energy_finds_the_loud_second():
    samples_N = np.random.default_rng(0).normal(scale=3, size=24000)
    samples_N[8000:16000] *= 1000
    cls = SPEECH_DETECTORS.find("energy")
    _, _, features = features_of(samples_N)
    ((begin, end),) = cls(cls.Config()).stretches(Heard(None, features))
    assert begin == pytest.approx(1, abs=0.05) and end == pytest.approx(2, abs=0.05)


def test_the_oracle_joins_speakers_and_ends_with_the_recording():
    cls = SPEECH_DETECTORS.find("oracle")
    _, _, features = features_of(np.zeros(16000))
    heard = Heard(None, features, [(0.5, 1.0), (0.8, 1.5), (1.8, 9.0), (3.0, 4.0)])
    assert cls(cls.Config()).stretches(heard) == [(0.5, 1.5), (1.8, 2.0)]


def test_a_recording_resampled_in_pieces_is_that_of_the_whole():
    samples_N = np.random.default_rng(0).normal(scale=500, size=5 * 8000).astype(np.float32)
    sound = ResampledSound(SoundInMemory(Wave(8000, samples_N[np.newaxis])), 16000)
    whole_N = quantise(change_rate(Wave(8000, samples_N[np.newaxis]), 16000).samples_CN[0])
    pieces_N = np.concatenate(
        [sound.read(first, first + 20000) for first in range(0, 80000, 20000)]
    )
    np.testing.assert_allclose(pieces_N, whole_N, atol=1)


def test_a_channel_of_a_file_and_the_mean_of_all(tmp_path):
    import soundfile

    samples_NC = np.array([[100, 300], [200, 400], [-50, 50]], np.int16)
    soundfile.write(tmp_path / "a.wav", samples_NC, 8000)
    assert SoundInFile(tmp_path / "a.wav", 2).read(1, 3).tolist() == [400, 50]
    assert SoundInFile(tmp_path / "a.wav", "mix").read(0, 3).tolist() == [200, 300, 0]


@given(st.floats(0, 100), st.floats(0.2, 40), st.sampled_from([0.25, 0.75, 1.5]))
def test_windows_cover_their_stretch_and_none_is_longer(begin, length, shift_sec):
    config = WindowsConfig(shift_sec=shift_sec)
    windows = cut_windows([(begin, begin + length)], config)
    assert windows[0][0] == pytest.approx(begin, abs=1e-3)
    assert windows[-1][1] == pytest.approx(begin + length, abs=1e-3)
    assert all(end - start <= 1.5 + 1e-3 for start, end in windows)
    assert all(later[0] <= earlier[1] for earlier, later in itertools.pairwise(windows))
    assert len({round(1000 * start) for start, _ in windows}) == len(windows)
