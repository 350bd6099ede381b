"""Steps that change recordings before their features."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.signal
import yaml

from steps_py.audio.recordings import Header, wav_entry
from steps_py.audio.signal_chain import SignalChain
from steps_py.audio.signal_steps.noise_canceller import cancel
from steps_py.audio.signal_steps.registry import SIGNAL_STEPS
from steps_py.audio.wave import Wave, write_wave
from steps_py.audio.wave_holder import WAVE
from steps_py.checkout import CHECKOUT
from steps_py.errors import AudioError, ConfigError
from steps_py.feats.front_end import FrontEnd
from steps_py.formats.tables import SequentialReader
from steps_py.recipe.config import check_config

RATE_HZ = 16000
NAMES = SIGNAL_STEPS.names()
OPTIONS = {"butterworth": {"low_hz": 300, "high_hz": 3400}}


def noise(num_samples, num_channels=1, seed=0, level=500):
    rng = np.random.default_rng(seed)
    return level * rng.standard_normal((num_channels, num_samples))


def chain(name, **options):
    return SignalChain([{name: options or OPTIONS.get(name, {})}])


def tone(freq_hz, num_samples=RATE_HZ, level=1000):
    return level * np.sin(2 * np.pi * freq_hz / RATE_HZ * np.arange(num_samples))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_samples", [1, 7, 400, 4000])
def test_a_step_gives_16_bit_samples_of_a_recording_of_any_length(name, num_samples):
    samples_CN = noise(num_samples, num_channels=2, level=20000)
    before_CN = samples_CN.copy()
    result_CN = chain(name)(samples_CN, RATE_HZ, "a.wav")
    assert np.array_equal(samples_CN, before_CN)  # its input is not changed
    assert result_CN.dtype == np.float32 and result_CN.shape[1] >= 1
    assert np.array_equal(result_CN, np.clip(np.rint(result_CN), -32768, 32767))
    if SIGNAL_STEPS.find(name).keeps_length:
        assert result_CN.shape[1] == num_samples


@pytest.mark.parametrize("name", NAMES)
def test_digital_silence_stays_silence(name):
    result_CN = chain(name)(np.zeros((2, 8000)), RATE_HZ, "a.wav")
    assert result_CN.shape[1] == 8000 and not result_CN.any()


@pytest.mark.parametrize(
    "options, passes, stops",
    [
        ({"low_hz": 300, "high_hz": 3400}, [500, 3000], [200, 4000]),
        ({"low_hz": 300}, [500, 7000], [200]),
        ({"high_hz": 3400}, [50, 3000], [4000]),
    ],
)
def test_a_butterworth_filter_passes_its_band_alone(options, passes, stops):
    """Order 15: a fifth above the cutoff 15 * 20 log10(1.18) = 21 dB are gone, and more below."""
    for freq_hz in passes + stops:
        filtered_N = chain("butterworth", **options)(tone(freq_hz)[None], RATE_HZ, "a.wav")[
            0, 8000:
        ]
        gain_db = 20 * np.log10(np.std(filtered_N) / np.std(tone(freq_hz)) + 1e-9)
        assert gain_db > -0.5 if freq_hz in passes else gain_db < -20


def test_its_cutoffs_are_3_db_below_and_its_filter_is_that_of_scipy_by_zeros_and_poles():
    step = SIGNAL_STEPS.build({"name": "butterworth", "low_hz": 1000, "high_hz": 3000, "order": 3})
    impulse_CN = np.zeros((1, 4096))
    impulse_CN[0, 0] = 1
    response_N = step(impulse_CN, RATE_HZ, "a.wav")[0]
    magnitude_F = np.abs(np.fft.rfft(response_N))
    assert magnitude_F[[256, 768]] == pytest.approx([0.5**0.5] * 2, abs=1e-3)  # 1000 and 3000 Hz
    zeros, poles, gain = scipy.signal.butter(3, [1000, 3000], "bandpass", fs=RATE_HZ, output="zpk")
    _, expected_F = scipy.signal.freqz_zpk(zeros, poles, gain, worN=[1234.5], fs=RATE_HZ)
    at = np.exp(-2j * np.pi * 1234.5 / RATE_HZ * np.arange(4096))
    assert response_N @ at == pytest.approx(expected_F[0], abs=1e-6)


@pytest.mark.parametrize("options", [{}, {"low_hz": 500, "high_hz": 400}, {"high_hz": -1}])
def test_cutoffs_that_leave_no_band_are_errors(options):
    with pytest.raises(ConfigError, match="butterworth|less than"):
        SIGNAL_STEPS.build({"name": "butterworth", **options})


def test_a_cutoff_above_half_the_rate_is_an_error_with_the_recording():
    with pytest.raises(AudioError, match=r"^u1: has 8000 Hz, but the cutoffs .* 300 and 4000 Hz"):
        chain("butterworth", low_hz=300, high_hz=4000)(noise(800), 8000, "u1")


def test_two_steps_of_the_canceller_by_hand():
    """One tap, half a step: w = 0, e = 4; w = .5 * 4 * 2 / 4 = 1, e = 4 - 2 = 2; w = 1.5, e = 1."""
    voice_N, reference_N = np.array([4.0, 4, 4]), np.array([2.0, 2, 2])
    np.testing.assert_allclose(cancel(voice_N, reference_N, 1, 0.5), [4, 2, 1], rtol=1e-6)


def test_the_canceller_removes_filtered_noise_and_leaves_the_voice():
    """The path from the noise to the microphone has eight taps; the voice is a tone."""
    noise_N, path_K = (
        noise(3 * RATE_HZ, level=800)[0],
        np.array([0.9, -0.5, 0.3, 0.2, -0.1, 0, 0, 0.05]),
    )
    voice_N = tone(440, 3 * RATE_HZ, level=300)
    heard_N = voice_N + np.convolve(noise_N, path_K)[: len(noise_N)]
    step = chain("noise_canceller", num_taps=16, step_size=0.01)
    left_N = step(np.stack([heard_N, noise_N]), RATE_HZ, "a.wav")[0]
    before, after = (np.std((x_N - voice_N)[-RATE_HZ:]) for x_N in (heard_N, left_N))
    assert after < before / 10


@pytest.mark.parametrize("reference", [2, 3])
def test_a_recording_without_the_reference_channel_is_refused_in_one_line(reference):
    samples_CN = noise(100, num_channels=reference - 1)
    with pytest.raises(AudioError) as error:
        chain("noise_canceller", reference_channel=reference)(samples_CN, RATE_HZ, "u1")
    assert f"needs a reference, channel {reference}" in str(error.value)
    assert "\n" not in str(error.value)


def test_subtraction_lowers_a_steady_noise_and_keeps_a_tone():
    noise_N, tone_N = noise(2 * RATE_HZ, level=50)[0], tone(1000, 2 * RATE_HZ, level=3000)
    tone_N[:RATE_HZ] = 0
    result_N = chain("spectral_subtraction", noise_share=0.4)(
        (noise_N + tone_N)[None], RATE_HZ, "a.wav"
    )[0]
    quiet, loud = slice(1000, 15000), slice(RATE_HZ + 1000, 2 * RATE_HZ - 1000)
    assert np.std(result_N[quiet]) < 0.7 * np.std(noise_N[quiet])
    assert np.std((result_N - tone_N)[loud]) < 0.7 * np.std(noise_N[loud])


def test_a_factor_of_0_subtracts_nothing():
    samples_CN = np.rint(noise(5000))
    result_CN = chain("spectral_subtraction", factor=0)(samples_CN, RATE_HZ, "a.wav")
    assert np.array_equal(result_CN, samples_CN)


def test_trimming_keeps_what_is_between_the_loudest_samples():
    """Of 100 samples, five are above the 95th percentile, the first at 20 and the last at 60."""
    samples_N = np.full(100, 3.0)
    samples_N[[20, 30, 40, 50, 60]] = [-90, 80, 70, 85, -75]
    result_CN = chain("trim_silence")(samples_N[None], RATE_HZ, "a.wav")
    assert np.array_equal(result_CN[0], samples_N[20:61])
    assert chain("trim_silence")(np.full((1, 100), 7.0), RATE_HZ, "a.wav").shape == (1, 100)


def test_channels_are_kept_for_the_canceller_by_the_corpus():
    options = SimpleNamespace(sample_rate_hz=16000, resample=True, channel="all")
    assert wav_entry("a.wav", Header(16000, 2, 1.0), options) == "a.wav"


@pytest.mark.parametrize("steps", [["trim_silence"], [{"butterworth": {"low_hz": 200}}]])
def test_features_of_a_recording_are_those_of_the_recipe(steps, tmp_path):
    """The stage writes 16-bit samples; embed computes in memory."""
    samples_CN = np.rint(noise(8000, level=3000)).astype(np.float32)
    with open(tmp_path / "a.wav", "wb") as out:
        write_wave(out, Wave(RATE_HZ, samples_CN))
    (tmp_path / "wav.scp").write_text(f"u1 {tmp_path}/a.wav\n")
    stage = [sys.executable, "-m", "steps_py.stages.change_audio", "--steps", json.dumps(steps)]
    tables = [f"scp:{tmp_path}/wav.scp", f"ark:{tmp_path}/changed.ark"]
    subprocess.run([*stage, *tables], check=True, cwd=CHECKOUT, capture_output=True)
    ((utt, changed),) = SequentialReader(f"ark:{tmp_path}/changed.ark", WAVE)
    plain = FrontEnd(type="mfcc", conf="--dither=0", vad_conf="")
    whole = FrontEnd(type="mfcc", conf="--dither=0", vad_conf="", signal_steps=steps)
    expected_TD, _ = plain.compute(changed, utt)
    got_TD, _ = whole.compute(Wave(RATE_HZ, samples_CN), utt)
    assert np.array_equal(got_TD, expected_TD)


@pytest.mark.parametrize(
    "edits, message",
    [
        ({"feats": ["trim_silence"]}, "shortens recordings, but copies of 'augment.copies'"),
        ({"feats": ["trim_silense"]}, "Did you mean 'trim_silence'?"),
        ({"feats": [{"butterworth": {"low_hz": 9, "high_hz": 3}}]}, "low_hz is 9 and high_hz is 3"),
        ({"feats": ["noise_canceller"], "train": "waveform"}, "training from audio reads chunks"),
    ],
)
def test_steps_that_a_recipe_cannot_have_are_refused(edits, message):
    config = yaml.safe_load((CHECKOUT / "egs/voxceleb/config.yaml").read_text())
    config["feats"]["signal_steps"] = edits["feats"]
    config["train"]["input"] = edits.get("train", "feats")
    with pytest.raises(ConfigError) as error:
        check_config(config, recipe=CHECKOUT / "egs/voxceleb")
    assert message in str(error.value)
