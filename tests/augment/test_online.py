"""Online augmentation compared with wav-reverberate and with independently measured levels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.audio.reverberate import ReverbConfig, reverberate
from steps_py.augment.config import OnlineConfig
from steps_py.augment.kinds import Added, Corruption, Sound
from steps_py.augment.online import OnlineAugmenter
from steps_py.draws import Draws
from steps_py.errors import AudioError, ConfigError
from tests.support.small_audio import RATE_HZ, draw_speech, write_part, write_wav

SPEECH_N = draw_speech(np.random.default_rng(0), 3 * RATE_HZ, 150).astype(np.float32)


def augmenter_of(copies=None, parts=None, **online):
    return OnlineAugmenter(copies or {}, OnlineConfig(**online), parts or {}, RATE_HZ, seed=1)


def sound(path, samples_N):
    return Sound(write_wav(path, samples_N), len(samples_N) / RATE_HZ)


def room(folder, num_samples=1500, peak=40):
    rng = np.random.default_rng(2)
    rir_H = 6000 * np.exp(-np.arange(num_samples) / 200) * rng.standard_normal(num_samples)
    rir_H[peak] = 31000
    return sound(folder / "room.wav", rir_H), np.trunc(rir_H).astype(np.float32)


def apply(augmenter, corruption, first, num):
    """Samples [first, first + num) of the speech altered, read as a chunk is."""
    before, after = augmenter.context(corruption)
    before = min(before, first)
    x_N = SPEECH_N[first - before : first + num + after]
    return augmenter.apply(corruption, Draws(1, "a", "b"), x_N, before, num)


def unit(x_N):
    return x_N / np.sqrt(np.mean(np.square(x_N, dtype=np.float64)))


@pytest.mark.parametrize("peak", [0, 40, 1400])
@pytest.mark.parametrize(
    "first, num", [(0, len(SPEECH_N)), (0, 4000), (300, 5000), (9000, 7000), (17000, 7000)]
)
def test_reverberation_equals_wav_reverberate_at_the_level_of_the_chunk(tmp_path, peak, first, num):
    impulse_response, rir_H = room(tmp_path, peak=peak)
    y_N = apply(augmenter_of(), Corruption(room=impulse_response), first, num)
    true_N = np.convolve(SPEECH_N, rir_H)[peak + first : peak + first + num]
    np.testing.assert_allclose(unit(y_N), unit(true_N), atol=0.002)
    # Kaldi's convolution adds a weak tone at half the sample rate
    kaldi_N = reverberate(SPEECH_N, RATE_HZ, ReverbConfig(), rir_H)[first : first + num]
    assert unit(y_N) @ unit(kaldi_N) / num > 0.9998
    power, power_before = np.mean(y_N**2), np.mean(SPEECH_N[first : first + num] ** 2)
    assert power == pytest.approx(power_before, rel=0.01)
    assert np.array_equal(y_N, np.trunc(y_N))


@pytest.mark.parametrize("fills", [True, False])
@settings(max_examples=15, deadline=None)
@given(snr_db=st.sampled_from([-3, 0, 5, 15]), noise_sec=st.sampled_from([0.2, 1.0, 2.9, 40.0]))
def test_a_noise_has_the_configured_snr(tmp_path_factory, fills, snr_db, noise_sec):
    folder = tmp_path_factory.mktemp("noise")
    noise_N = np.random.default_rng(3).normal(0, 900, int(noise_sec * RATE_HZ))
    added = Added(sound(folder / "n.wav", noise_N), 0.5, snr_db, fills)
    y_N = apply(augmenter_of(), Corruption(added=(added,)), 0, len(SPEECH_N))
    start = RATE_HZ // 2
    gain = (y_N[:start] @ SPEECH_N[:start]) / (SPEECH_N[:start] @ SPEECH_N[:start])
    impulse_response_N = y_N / gain - SPEECH_N
    assert np.abs(impulse_response_N[:start]).max() < 3 / gain  # of cutting to whole numbers
    end = len(SPEECH_N) if fills or noise_sec > 3 else start + len(noise_N)
    end = min(end, len(SPEECH_N))
    assert np.abs(impulse_response_N[end:]).max(initial=0) < 3 / gain
    speech_power, noise_power = np.mean(SPEECH_N**2), np.mean(impulse_response_N[start:end] ** 2)
    assert 10 * np.log10(speech_power / noise_power) == pytest.approx(snr_db, abs=0.3)


def test_a_random_excerpt_of_a_long_sound_is_used(tmp_path):
    ramp_N = np.arange(30_000) - 15_000  # a sample tells its place
    long = Added(sound(tmp_path / "ramp.wav", ramp_N), 0.0, 0.0, fills=True)
    augmenter, slopes = augmenter_of(), []
    silence_N = np.zeros(4000, np.float32)
    silence_N[0] = 1000
    for i in range(40):
        draws = Draws(i, "a", "b")
        y_N = augmenter.apply(Corruption(added=(long,)), draws, silence_N, 0, 4000)[1:]
        slope = (y_N[-1] - y_N[0]) / len(y_N)
        slopes.append(np.mean(y_N) / slope)  # the middle of the stretch
    assert min(slopes) < -10_000 and max(slopes) > 10_000


def test_kinds_and_probability_are_as_configured(tmp_path):
    parts = {"p": write_part(tmp_path / "p", {"n": np.ones(2 * RATE_HZ)})}
    copies = {"noise": {"parts": ["p"]}, "music": {"parts": ["p"]}, "reverb": {"parts": ["p"]}}
    augmenter = augmenter_of(copies, parts, probability=0.75)
    drawn = [augmenter.draw(step, index, RATE_HZ)[0] for step in range(20) for index in range(50)]
    assert sum(each is None for each in drawn) == pytest.approx(250, abs=60)
    reverbs = [each for each in drawn if each and each.room]
    fillers = [each for each in drawn if each and each.added and each.added[0].fills]
    assert len(reverbs) == pytest.approx(250, abs=60)
    assert len(fillers) == pytest.approx(250, abs=60)
    assert all(augmenter_of(copies, parts, probability=0).draw(0, i, 9)[0] is None for i in (0, 1))


def test_a_sound_that_needs_a_program_is_refused(tmp_path):
    part = write_part(tmp_path / "p", {"n": np.ones(2 * RATE_HZ)})
    (tmp_path / "p/wav.scp").write_text("n curl -s http://example.org/n.wav |\n")
    with pytest.raises(AudioError, match=r"augment\.copies: 1 of 1 .* runs 'curl'"):
        augmenter_of({"noise": {"parts": ["p"]}}, {"p": part})


@pytest.mark.parametrize("speeds", [[0.9, 1.1], [1.0, 1.0], [1.0, 3.0], [1.0, 0.7071067]])
def test_invalid_speeds_are_errors(speeds):
    with pytest.raises(ConfigError, match=r"augment\.online\.speeds"):
        OnlineConfig(speeds=speeds)
