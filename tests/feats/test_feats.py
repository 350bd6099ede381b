"""Features: by hand, against a slow oracle, and as the real Kaldi wrote them.

The oracle works in float64 with a Fourier matrix and one loop for each filter, straight
from the definitions.
"""

import io
import itertools
from pathlib import Path

import kaldi_native_io
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.audio.resample import FINE_FILTER, resample
from steps_py.audio.wave import read_wave
from steps_py.errors import AudioError, ConfigError
from steps_py.feats.deltas import DeltaConfig, add_deltas
from steps_py.feats.frames import (
    BLOCK_FRAMES,
    WINDOWS,
    FrameConfig,
    frame_view,
    num_frames,
    window_function,
)
from steps_py.feats.mel import MelConfig, VtlnWarp, mel, mel_filters
from steps_py.feats.types.fbank import Fbank, FbankConfig
from steps_py.feats.types.mfcc import Mfcc, MfccConfig
from steps_py.feats.types.spectrogram import Spectrogram, SpectrogramConfig
from steps_py.fourier.kaldi_rounding.libm import cosf, logf, sinf
from steps_py.fourier.kaldi_rounding.split_radix import rfft_like_kaldi

GOLDEN = Path(__file__).parents[1] / "golden/kaldi"
LOG_EPSILON = np.log(np.finfo(np.float32).eps)
QUIET = FrameConfig(dither=0)


def noise(num_samples, seed=0, amplitude=3000):
    rng = np.random.default_rng(seed)
    return np.round(rng.standard_normal(num_samples) * amplitude).astype(np.float32)


# Frames


def test_number_of_frames_by_hand():
    # 25 ms of 16 kHz are 400 samples, 10 ms are 160.
    assert [num_frames(n, QUIET) for n in (0, 399, 400, 559, 560, 16000)] == [0, 0, 1, 1, 2, 98]
    mirrored = FrameConfig(snip_edges=False)
    assert [num_frames(n, mirrored) for n in (0, 79, 80, 239, 240, 16000)] == [0, 0, 1, 1, 2, 100]


def test_durations_are_cut_to_whole_samples_as_in_kaldi():
    config = FrameConfig(sample_rate_hz=11025, frame_length_ms=25, frame_shift_ms=10)
    assert (config.length_samples, config.shift_samples, config.padded_samples) == (275, 110, 512)


def test_ends_are_mirrored_with_the_end_sample_twice():
    config = FrameConfig(sample_rate_hz=1000, frame_length_ms=8, frame_shift_ms=2, snip_edges=False)
    frames = frame_view(np.arange(10.0), config)
    # The first frame is centred on the first shift: it begins 3 samples before the signal.
    assert frames[0].tolist() == [2, 1, 0, 0, 1, 2, 3, 4]
    assert frames[-1].tolist() == [5, 6, 7, 8, 9, 9, 8, 7]
    assert len(frames) == 5


def test_a_signal_shorter_than_the_window_is_mirrored_more_than_once():
    config = FrameConfig(sample_rate_hz=1000, frame_length_ms=8, frame_shift_ms=2, snip_edges=False)
    assert frame_view(np.array([1.0, 2.0]), config).tolist() == [[2, 2, 1, 1, 2, 2, 1, 1]]


@given(
    num_samples=st.integers(0, 400),
    length=st.integers(2, 60),
    shift=st.integers(1, 70),
    snip_edges=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_every_frame_holds_samples_of_the_signal_at_its_place(
    num_samples, length, shift, snip_edges
):
    config = FrameConfig(
        sample_rate_hz=1000,
        frame_length_ms=2 * (length // 2),
        frame_shift_ms=shift,
        snip_edges=snip_edges,
    )
    frames = frame_view(np.arange(num_samples, dtype=np.float32), config)
    assert len(frames) == num_frames(num_samples, config)
    for number, frame in enumerate(frames):
        start = number * shift
        if not snip_edges:
            start += shift // 2 - config.length_samples // 2
        position = np.arange(start, start + config.length_samples)
        period = position % (2 * num_samples)
        expected = np.minimum(period, 2 * num_samples - 1 - period)
        np.testing.assert_array_equal(frame, expected)


def test_windows_by_hand():
    half = {name: WINDOWS[name](5, 0.42) for name in WINDOWS}
    np.testing.assert_allclose(half["hanning"], [0, 0.5, 1, 0.5, 0], atol=1e-15)
    np.testing.assert_allclose(half["hamming"], [0.08, 0.54, 1, 0.54, 0.08], atol=1e-15)
    np.testing.assert_allclose(half["povey"], [0, 0.5**0.85, 1, 0.5**0.85, 0], atol=1e-15)
    np.testing.assert_allclose(half["sine"], [0, 0.5**0.5, 1, 0.5**0.5, 0], atol=1e-15)
    np.testing.assert_allclose(half["blackman"], [0, 0.34, 1, 0.34, 0], atol=1e-15)
    assert half["rectangular"].tolist() == [1] * 5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"frame_length_ms": 0.01}, "0 samples"),
        ({"frame_shift_ms": 0}, "Lengthen"),
        ({"window": "hammming"}, "Did you mean 'hamming'"),
        ({"preemphasis": 1.5}, "0 to 1"),
        ({"frame_length_ms": 25.07, "round_to_power_of_two": False}, "401 samples is odd"),
    ],
)
def test_an_invalid_frame_config_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        FrameConfig(**settings)


# Mel filters


def test_mel_scale_by_hand():
    assert mel(np.float32(0)) == 0
    np.testing.assert_allclose(mel(np.float32(700)), 1127 * np.log(2), rtol=1e-6)


def test_neighbouring_filters_add_up_to_one():
    weights = mel_filters(MelConfig(num_bins=30, low_freq_hz=20, high_freq_hz=7600), QUIET)
    first, last = np.argmax(weights[:, 0]), np.argmax(weights[:, -1])
    np.testing.assert_allclose(weights[first : last + 1].sum(axis=1), 1, atol=2e-4)
    assert weights.shape == (257, 30)
    assert weights[-1].max() == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_bins": 2}, "3 or more"),
        ({"low_freq_hz": 4000, "high_freq_hz": 3000}, "must rise"),
        ({"high_freq_hz": 8001}, "half the sample rate, 8000 Hz"),
        ({"num_bins": 200}, "lies between two frequencies"),
    ],
)
def test_an_invalid_mel_config_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        mel_filters(MelConfig(**settings), QUIET)


@given(factor=st.floats(0.85, 1.15))
def test_warping_keeps_order_and_cutoffs(factor):
    warp = VtlnWarp(MelConfig(), 16000, factor)
    freqs = np.linspace(20, 8000, 500)
    assert (np.diff(warp(freqs)) > 0).all()
    np.testing.assert_allclose(warp(freqs[[0, -1]]), [20, 8000])
    np.testing.assert_allclose(warp(np.array([1000.0])), 1000 / factor)


def test_warping_outside_of_the_cutoffs_is_refused():
    with pytest.raises(ConfigError, match="inflection points"):
        VtlnWarp(MelConfig(vtln_low_hz=10), 16000, 1.1)


# The oracle


def oracle_log_mel(samples, config, mel_config):
    """(log energy of frames, log mel energies), in float64, without an FFT."""
    frames, energies = [], []
    for frame in frame_view(samples.astype(np.float64), config):
        frame = frame - frame.mean()
        energies.append(np.log(sum(frame**2)))
        frame = [next - config.preemphasis * this for this, next in itertools.pairwise(frame)]
        frames.append(np.concatenate(([0], frame)) * window_function(config))  # window[0] is 0
    padded = config.padded_samples
    k, n = np.meshgrid(np.arange(padded // 2 + 1), np.arange(config.length_samples))
    power = np.abs(np.array(frames) @ np.exp(-2j * np.pi * k * n / padded)) ** 2
    edges = np.linspace(
        1127 * np.log1p(mel_config.low_freq_hz / 700),
        1127 * np.log1p(mel_config.high_freq_hz / 700),
        mel_config.num_bins + 2,
    )
    at = 1127 * np.log1p(np.arange(padded // 2 + 1) * config.sample_rate_hz / padded / 700)
    weights = [np.interp(at, edges[i : i + 3], [0, 1, 0]) for i in range(mel_config.num_bins)]
    return np.array(energies), np.log(power @ np.array(weights).T)


def test_fbank_and_mfcc_agree_with_the_oracle():
    samples = noise(8000)
    mel_config = MelConfig(num_bins=20, high_freq_hz=7000)
    energy, log_mel = oracle_log_mel(samples, QUIET, mel_config)
    fbank = Fbank(FbankConfig(frames=QUIET, mel=mel_config, use_energy=True)).compute(samples)
    np.testing.assert_allclose(fbank[:, 0], energy, atol=1e-4)
    np.testing.assert_allclose(fbank[:, 1:], log_mel, atol=1e-3)
    config = MfccConfig(frames=QUIET, mel=mel_config, num_ceps=20, cepstral_lifter=0)
    mfcc = Mfcc(config).compute(samples)
    from scipy.fft import dct

    cepstra = dct(log_mel, norm="ortho")
    np.testing.assert_allclose(mfcc[:, 1:], cepstra[:, 1:], atol=2e-3)
    np.testing.assert_allclose(mfcc[:, 0], energy, atol=1e-4)


# Golden features of the real Kaldi


def golden(case, name="feats.ark"):
    path = GOLDEN / "expected" / case / name
    with kaldi_native_io.SequentialFloatMatrixReader(f"ark:{path}") as reader:
        return {key: np.array(value) for key, value in reader}


def golden_wave(key):
    data = (GOLDEN / f"inputs/wav/{key}.wav").read_bytes()
    return read_wave(io.BytesIO(data), key)


@pytest.mark.parametrize(
    ("case", "extractor", "tolerance"),
    [
        (
            "mfcc_vox",
            Mfcc(
                MfccConfig(
                    frames=FrameConfig(dither=0, snip_edges=False),
                    mel=MelConfig(num_bins=30, high_freq_hz=7600),
                    num_ceps=30,
                )
            ),
            5e-3,
        ),
        ("fbank40", Fbank(FbankConfig(
            frames=FrameConfig(dither=0, snip_edges=False), mel=MelConfig(num_bins=40)
        )), 5e-3),
        ("spectrogram", Spectrogram(SpectrogramConfig(frames=QUIET)), 1e-4),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_features_are_kaldis(case, extractor, tolerance):
    for key, wanted in golden(case).items():
        got = extractor.compute(golden_wave(key).samples_CN[0])
        np.testing.assert_allclose(got, wanted, atol=tolerance)


@pytest.mark.parametrize("config", [{}, {"use_log_fbank": False}])
def test_exact_transform_gives_kaldis_features_to_the_last_bits(config):
    """The tolerance of 1e-5 is that of float32 logarithms near 20."""
    if config:
        case, mel_config = "fbank80_energy_linear", MelConfig(num_bins=80, high_freq_hz=-400)
        fbank = Fbank(FbankConfig(frames=QUIET, mel=mel_config, use_energy=True, **config))
    else:
        case, mel_config = "fbank40", MelConfig(num_bins=40)
        frames = FrameConfig(dither=0, snip_edges=False)
        fbank = Fbank(FbankConfig(frames=frames, mel=mel_config))
    for key, wanted in golden(case).items():
        got = fbank.compute(golden_wave(key).samples_CN[0], exact=True)
        np.testing.assert_allclose(got, wanted, atol=1e-5, rtol=1e-5)


# Properties of all features


def all_extractors(**frames):
    config = FrameConfig(**frames)
    return [
        Mfcc(MfccConfig(frames=config)),
        Fbank(FbankConfig(frames=config)),
        Spectrogram(SpectrogramConfig(frames=config)),
    ]


@pytest.mark.parametrize("number", range(3))
def test_dither_depends_on_the_utterance_only(number):
    first, second = all_extractors()[number], all_extractors()[number]
    a, b = noise(20000, seed=1, amplitude=5), noise(16000, seed=2, amplitude=5)
    alone = first.compute(a)
    second.compute(b)
    np.testing.assert_array_equal(second.compute(a), alone)
    assert not np.array_equal(alone, all_extractors(dither=0)[number].compute(a))


def test_dither_is_white_noise_of_the_configured_amount():
    config = FrameConfig(dither=2.0, window="rectangular", preemphasis=0, remove_dc_offset=False)
    energy = Spectrogram(SpectrogramConfig(frames=config)).compute(np.zeros(160000))[:, 0]
    # 400 samples of variance 4; over 1000 frames the mean is good to 4 sigma = 1 %.
    np.testing.assert_allclose(np.exp(energy).mean() / 400, 4.0, rtol=0.01)
    fbank = Fbank(FbankConfig(frames=config, use_log_fbank=False)).compute(np.zeros(160000))
    weights = mel_filters(MelConfig(), config)
    np.testing.assert_allclose(fbank.mean(axis=0) / weights.sum(axis=0) / 400, 4.0, rtol=0.1)


def test_frames_are_dithered_independently():
    config = FrameConfig(dither=1.0)
    feats = Fbank(FbankConfig(frames=config)).compute(np.zeros(160000))
    centred = feats - feats.mean(axis=0)
    following = (centred[1:] * centred[:-1]).mean() / centred.var()
    assert abs(following) < 0.05


def test_a_frame_does_not_depend_on_the_block_it_falls_into():
    samples = noise(160 * (BLOCK_FRAMES + 20) + 400)
    for extractor in all_extractors(dither=0):
        whole = extractor.compute(samples)
        later = extractor.compute(samples[160 * 10 :])
        np.testing.assert_allclose(whole[10:], later, atol=1e-4)


def test_silence_and_a_constant_are_the_floor():
    for level in (0, 1000):
        feats = Fbank(FbankConfig(frames=QUIET)).compute(np.full(1600, level))
        np.testing.assert_allclose(feats, LOG_EPSILON)


def test_louder_by_a_factor_is_higher_by_its_log():
    samples = noise(8000)
    fbank = Fbank(FbankConfig(frames=QUIET, use_energy=True))
    louder = fbank.compute(2 * samples) - fbank.compute(samples)
    np.testing.assert_allclose(louder, 2 * np.log(2), atol=1e-4)


def test_energy_floor_is_absolute():
    mfcc = Mfcc(MfccConfig(frames=QUIET, energy_floor=100.0))
    assert mfcc.compute(np.zeros(1600))[0, 0] == np.float32(np.log(100))


def test_htk_order_puts_energy_or_c0_last():
    samples = noise(8000)
    ours = Mfcc(MfccConfig(frames=QUIET)).compute(samples)
    htk = Mfcc(MfccConfig(frames=QUIET, htk_compat=True)).compute(samples)
    np.testing.assert_array_equal(htk, np.roll(ours, -1, axis=1))
    ours = Mfcc(MfccConfig(frames=QUIET, use_energy=False)).compute(samples)
    htk = Mfcc(MfccConfig(frames=QUIET, use_energy=False, htk_compat=True)).compute(samples)
    np.testing.assert_allclose(htk[:, -1], np.sqrt(2) * ours[:, 0], rtol=1e-6)
    fbank = Fbank(FbankConfig(frames=QUIET, use_energy=True, htk_compat=True)).compute(samples)
    np.testing.assert_array_equal(
        fbank[:, -1], Mfcc(MfccConfig(frames=QUIET)).compute(samples)[:, 0]
    )


def test_filters_weigh_power_or_magnitude():
    samples = noise(8000)
    for use_power, factor in ((True, 9), (False, 3)):
        config = FbankConfig(frames=QUIET, use_log_fbank=False, use_power=use_power)
        fbank = Fbank(config)
        got = fbank.compute(3 * samples)
        np.testing.assert_allclose(got, factor * fbank.compute(samples), rtol=1e-4)


def test_more_cepstra_than_filters_are_refused():
    with pytest.raises(ConfigError, match="24 cepstra of 23"):
        Mfcc(MfccConfig(num_ceps=24))


def test_raw_transform_is_packed_as_kaldi_packs_it():
    samples = noise(400)
    config = FrameConfig(dither=0, window="rectangular", preemphasis=0, remove_dc_offset=False)
    raw = Spectrogram(SpectrogramConfig(frames=config, return_raw_fft=True)).compute(samples)
    spec = np.fft.rfft(samples.astype(np.float64), 512)
    np.testing.assert_allclose(raw[0, :2], [spec[0].real, spec[256].real], atol=0.5)
    wanted = [spec[1].real, spec[1].imag, spec[2].real, spec[2].imag]
    np.testing.assert_allclose(raw[0, 2:6], wanted, atol=0.5)


@given(log_size=st.integers(3, 11), seed=st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_split_radix_transform_is_a_fourier_transform(log_size, seed):
    x = np.random.default_rng(seed).standard_normal((3, 1 << log_size)).astype(np.float32)
    wanted = np.fft.rfft(x.astype(np.float64))
    np.testing.assert_allclose(rfft_like_kaldi(x), wanted, atol=1e-5 * np.abs(wanted).max())


def test_c_functions_are_right_to_the_last_bit_but_one():
    x = np.linspace(0.5, 6, 200, dtype=np.float32)
    for ours, exact in ((logf, np.log), (cosf, np.cos), (sinf, np.sin)):
        wanted = exact(x.astype(np.float64))
        assert (np.abs(ours(x) - wanted) <= np.spacing(np.abs(wanted).astype(np.float32))).all()


def test_windows_that_are_no_power_of_two_are_transformed_as_they_are():
    config = FrameConfig(dither=0, round_to_power_of_two=False)
    feats = Spectrogram(SpectrogramConfig(frames=config)).compute(noise(1600))
    assert feats.shape == (8, 201)


# Deltas


def test_deltas_by_hand():
    feats = np.float32([[0], [1], [4]])
    got = add_deltas(feats, DeltaConfig(order=1, window_frames=1))
    # (x[t+1] - x[t-1]) / 2, the ends going on.
    assert got.tolist() == [[0, 0.5], [1, 2], [4, 1.5]]


@given(st.integers(1, 4), st.integers(0, 3), st.integers(1, 12))
@settings(deadline=None)
def test_deltas_are_linear_and_vanish_for_constants(window, order, length):
    config = DeltaConfig(order=order, window_frames=window)
    x, y = np.random.default_rng(0).standard_normal((2, length, 3)).astype(np.float32)
    both = add_deltas(x, config) + add_deltas(y, config)
    np.testing.assert_allclose(add_deltas(x + y, config), both, atol=1e-5)
    constant = add_deltas(np.ones((length, 3), np.float32), config)
    np.testing.assert_allclose(constant[:, 3:], 0, atol=1e-6)


def test_deltas_are_kaldis():
    with kaldi_native_io.SequentialFloatMatrixReader(f"ark:{GOLDEN}/inputs/feats.ark") as reader:
        inputs = {key: np.array(value) for key, value in reader}
    for key, wanted in golden("add_deltas").items():
        got = add_deltas(inputs[key], DeltaConfig(order=2, window_frames=3))
        np.testing.assert_allclose(got, wanted, atol=1e-4)


# Resampling


@pytest.mark.parametrize(
    ("rate_in", "rate_out"), [(16000, 8000), (8000, 16000), (44100, 16000), (48000, 16000)]
)
@pytest.mark.parametrize("sinc", [None, FINE_FILTER], ids=["kaldi", "fine"])
def test_a_tone_stays_the_same_tone(rate_in, rate_out, sinc):
    def tone(rate, count):
        return np.sin(2 * np.pi * 440 * np.arange(count) / rate)

    got = resample(tone(rate_in, rate_in), rate_in, rate_out, **({"sinc": sinc} if sinc else {}))
    assert len(got) == rate_out
    middle = slice(rate_out // 4, -rate_out // 4)
    tolerance = 1e-4 if sinc else 0.02  # Kaldi's filter is short
    np.testing.assert_allclose(got[middle], tone(rate_out, rate_out)[middle], atol=tolerance)


def test_what_the_lower_rate_cannot_hold_is_gone():
    tone = np.sin(2 * np.pi * 4200 * np.arange(16000) / 16000)
    assert np.abs(resample(tone, 16000, 8000, FINE_FILTER))[1000:-1000].max() < 1e-4


@given(st.integers(1, 300), st.sampled_from([(8000, 16000), (16000, 8000), (44100, 16000)]))
@settings(max_examples=50, deadline=None)
def test_length_is_that_of_the_time_covered(num_samples, rates):
    got = resample(np.ones(num_samples), *rates)
    assert len(got) == -(-num_samples * rates[1] // rates[0])
    assert got.dtype == np.float32


def test_resampled_features_are_kaldis():
    """The rest of the difference is the order of sums in resampling."""
    mfcc = Mfcc(MfccConfig(frames=FrameConfig(dither=0, sample_rate_hz=8000)))
    for key, wanted in golden("mfcc_downsample").items():
        samples = resample(golden_wave(key).samples_CN[0], 16000, 8000)
        np.testing.assert_allclose(mfcc.compute(samples, exact=True), wanted, atol=5e-3)


def test_rates_without_a_common_divisor_are_refused():
    with pytest.raises(AudioError, match="share only 1 Hz"):
        resample(np.ones(10), 16001, 15999)
