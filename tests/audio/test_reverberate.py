"""Rooms and noises: by hand, by properties, and against direct convolution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.audio.reverberate import Noise, ReverbConfig, convolve, reverberate
from steps_py.errors import AudioError

AS_IT_IS = ReverbConfig(normalize_output=False)
UNIT = 32768  # an impulse of this height in a 16-bit file is a factor of 1


def noise(num_samples, seed=0):
    return (np.random.default_rng(seed).standard_normal(num_samples) * 1000).astype(np.float32)


def band_limited(num_samples, seed=0):
    """Noise without power near 0 and near half the sample rate, where Kaldi's product slips."""
    spec = np.fft.rfft(noise(num_samples, seed))
    spec[: len(spec) // 8] = spec[-len(spec) // 8 :] = 0
    window = np.hanning(num_samples) ** 2
    return (np.fft.irfft(spec, num_samples) * window).astype(np.float32)


def oracle_convolution(x, h):
    """Block by block in float64, without a transform: the sum, and what Kaldi's slip adds."""
    size = 4
    while size < 4 * len(h):
        size *= 2
    step = size - len(h) + 1
    alternate = (-1.0) ** np.arange(size)
    out = np.zeros(len(x) + len(h) - 1 + size)
    h_low, h_high = h.sum(dtype=float), (h * alternate[: len(h)]).sum()
    for start in range(0, len(x), step):
        block = x[start : start + step].astype(float)
        low, high = block.sum(), (block * alternate[: len(block)]).sum()
        wrong_low = -high * h_high
        wrong_high = high * h_low + low * h_high - high * h_high
        out[start : start + len(block) + len(h) - 1] += np.convolve(block, h)
        out[start : start + size] += (wrong_low + alternate * wrong_high) / size
    return out[: len(x) + len(h) - 1]


@given(st.integers(1, 3000), st.integers(1, 300))
@settings(max_examples=60, deadline=None)
def test_convolution_agrees_with_the_oracle(num_samples, num_taps):
    x, h = noise(num_samples), noise(num_taps, 1) / 1000
    wanted = oracle_convolution(x, h)
    np.testing.assert_allclose(convolve(x, h), wanted, atol=1e-5 * np.abs(wanted).max() + 1e-3)


def test_a_filter_with_neither_end_of_the_band_is_free_of_the_slip():
    x, h = noise(5000), np.float32([1, 0, -1, 0.5, 0, -0.5])
    np.testing.assert_allclose(convolve(x, h), np.convolve(x, h), atol=0.05)


def test_slip_by_hand():
    # x = 1 2 0 -2 has the sums 1 and (alternating) 1; the filter 1 has 1 and 1.
    # Low end 1*1 - 1*1 = 0 instead of 1, high end 1*1 + 1*1 = 2 instead of 1:
    # each of 4 samples changes by (-1 + 1) / 4 and (-1 - 1) / 4 in turn.
    got = convolve(np.float32([1, 2, 0, -2]), np.float32([1]))
    np.testing.assert_allclose(got, [1, 1.5, 0, -2.5], atol=1e-6)


def test_the_shift_takes_back_the_delay_of_the_direct_path():
    x = noise(4000)
    rir = np.zeros(100, np.float32)
    rir[30], rir[32] = UNIT, -UNIT
    wanted = x - np.concatenate(([0, 0], x[:-2]))
    np.testing.assert_allclose(reverberate(x, 8000, AS_IT_IS, rir), wanted, atol=0.05)
    late = ReverbConfig(shift_output=False, normalize_output=False)
    got = reverberate(x, 8000, late, rir)
    assert len(got) == 4099
    np.testing.assert_allclose(got[30:4000], wanted[:-30], atol=0.05)


def test_longer_output_repeats_the_signal_even_in_place_of_the_reverberant_tail():
    x = noise(50)
    got = reverberate(x, 10, ReverbConfig(duration_sec=12.5))
    np.testing.assert_array_equal(got, np.concatenate((x, x, x[:25])))
    late = ReverbConfig(shift_output=False, normalize_output=False)
    got = reverberate(x, 8000, late, np.float32([UNIT, UNIT / 2, 0]))
    np.testing.assert_array_equal(got[50:], got[:2])


def test_shorter_output_is_the_start():
    x = noise(50)
    np.testing.assert_array_equal(reverberate(x, 10, ReverbConfig(duration_sec=2.3)), x[:23])


@given(st.floats(-20, 40), st.integers(0, 1000))
@settings(deadline=None)
def test_noise_has_the_asked_ratio_to_the_speech(snr_db, seed):
    x, n = noise(4000, seed), noise(4000, seed + 1)
    got = reverberate(x, 8000, AS_IT_IS, noises=[Noise(n, snr_db, 0.0)])
    added = got - x
    ratio = 10 * np.log10(np.sum(x.astype(float) ** 2) / np.sum(added.astype(float) ** 2))
    np.testing.assert_allclose(ratio, snr_db, atol=0.05)
    np.testing.assert_allclose(np.corrcoef(added, n)[0, 1], 1, atol=1e-3)


def test_noise_lies_where_it_starts_and_does_not_lengthen_the_signal():
    x, n = noise(100), noise(50, 1)
    got = reverberate(x, 10, AS_IT_IS, noises=[Noise(n, 0, 8.0), Noise(n, 0, 10.0)])
    assert len(got) == 100
    np.testing.assert_array_equal(got[:80], x[:80])
    assert np.corrcoef((got - x)[80:], n[:20])[0, 1] > 0.9999


def test_ratio_refers_to_the_early_reverberation():
    """A reflection 200 ms late is no speech: it leaves the level of the noise as it was."""
    x, n = band_limited(8000), noise(8000, 1)
    direct = np.zeros(3000, np.float32)
    direct[10] = UNIT
    echo = direct.copy()
    echo[1610] = 0.9 * UNIT

    def level(rir):
        with_noise = reverberate(x, 8000, AS_IT_IS, rir, [Noise(n, 10, 0.0)])
        return np.linalg.norm(with_noise - reverberate(x, 8000, AS_IT_IS, rir))

    np.testing.assert_allclose(level(echo), level(direct), rtol=1e-3)


def test_output_has_the_power_of_the_input():
    x, n = noise(8000), noise(8000, 1)
    got = reverberate(x, 8000, ReverbConfig(), noises=[Noise(n, 0, 0.0)])
    np.testing.assert_allclose(np.linalg.norm(got), np.linalg.norm(x), rtol=1e-5)


def test_volume_replaces_the_normalisation():
    x, n = noise(800), noise(800, 1)
    noises = [Noise(n, 0, 0.0)]
    loud = reverberate(x, 8000, ReverbConfig(volume=0.5), noises=noises)
    np.testing.assert_allclose(loud, 0.5 * reverberate(x, 8000, AS_IT_IS, noises=noises))


def test_silence_stays_silence():
    x = np.zeros(800, np.float32)
    got = reverberate(x, 8000, ReverbConfig(), noise(100), [Noise(noise(800), 0, 0.0)])
    assert not got.any()


def test_inputs_are_left_as_they_were():
    x, rir, n = noise(800), noise(100, 1), noise(800, 2)
    before = [a.copy() for a in (x, rir, n)]
    reverberate(x, 8000, ReverbConfig(volume=2.0), rir, [Noise(n, 0, 0.0)])
    for now, then in zip((x, rir, n), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_second_call_does_not_change_the_first_result():
    """Work space is shared between calls; results must not be."""
    first = reverberate(noise(3000), 8000, ReverbConfig(), noise(200, 1))
    kept = first.copy()
    reverberate(noise(3000, 5), 8000, ReverbConfig(), noise(200, 6))
    np.testing.assert_array_equal(first, kept)


def test_a_noise_before_the_beginning_is_refused():
    with pytest.raises(AudioError, match=r"starts at -1\.0 s"):
        reverberate(noise(80), 8000, AS_IT_IS, noises=[Noise(noise(80), 0, -1.0)])
