"""A loaded system: x-vectors and scores of the recipe, decisions, and what is refused."""

import itertools
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from steps_py import load_system
from steps_py.audio.decode import read_file
from steps_py.backend.plda_io import read_plda
from steps_py.embeddings.config import CopiesConfig, CropsConfig, XvectorsConfig
from steps_py.errors import AudioError, StepsError
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader, read_object
from steps_py.system import sound
from tests.support.small_audio import RATE_HZ, draw_speech, write_wav
from tests.support.small_extractor import (
    NO_VAD,
    VAD,
    write_model,
    write_recording,
    xvectors_of_recipe,
)
from tests.support.small_system import write_system


def read_cohort(path):
    with SequentialReader(f"ark:{path}", FLOAT_VECTOR) as reader:
        return list(reader)


@pytest.mark.parametrize("vad", [VAD, NO_VAD], ids=["vad", "no vad"])
@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("kind", ["mfcc", "fbank", "waveform"])
def test_x_vectors_are_those_of_the_recipe(kind, rate_hz, vad, tmp_path):
    final = write_model(tmp_path, kind, rate_hz=rate_hz, vad=vad)
    system = load_system(write_system(tmp_path / "system.swx", final))
    wav = write_recording(tmp_path / "a.wav", sec=2, rate_hz=rate_hz)
    expected_E = xvectors_of_recipe(tmp_path, kind, {"a": wav})["a"]
    np.testing.assert_allclose(system.embed(wav), expected_E, atol=1e-5)
    assert system.sample_rate_hz == rate_hz


def test_samples_files_and_lists_give_the_same_x_vectors(system, wavs):
    wave = read_file(wavs[0])
    samples_N = wave.samples_CN[0]
    expected_E = system.embed(wavs[0])
    for source in (samples_N.astype(np.int16), samples_N / 32768):
        np.testing.assert_array_equal(system.embed(source, rate_hz=RATE_HZ), expected_E)
    blocks = (samples_N[n : n + 999].astype(np.int16) for n in range(0, len(samples_N), 999))
    np.testing.assert_array_equal(system.embed(blocks, rate_hz=RATE_HZ), expected_E)
    batch_NE = system.embed([wavs[0], (samples_N.astype(np.int16), RATE_HZ), wavs[1]])
    np.testing.assert_array_equal(batch_NE[:2], [expected_E, expected_E])
    assert system.embed([]).shape == (0, 6)


def test_a_score_is_that_of_the_formulas_by_hand(system, system_path, wavs):
    a_E, b_E = system.embed(wavs[:2]).astype(np.float64)
    folder = system_path.parent / "back_end"
    mean_E = read_object(f"{folder}/mean.vec", FLOAT_VECTOR)
    matrix = read_object(f"{folder}/transform.mat", FLOAT_MATRIX)
    a_D, b_D = ((x_E - mean_E) @ matrix.T for x_E in (a_E, b_E))
    a_D, b_D = (2 * x_D / np.linalg.norm(x_D) for x_D in (a_D, b_D))
    plda = read_plda(f"{folder}/plda")
    plda_score = plda.score(plda.transform(a_D[None]), [1], plda.transform(b_D[None]))[0, 0]
    verdict = system.verify(*wavs[:2])
    assert verdict.score == pytest.approx(2 * plda_score - 1, abs=1e-5)
    assert verdict.llr == verdict.score
    assert verdict.probability == pytest.approx(1 / (1 + math.exp(-verdict.llr)))
    assert verdict.is_same_speaker == (verdict.llr > 0)


def test_the_prior_moves_the_threshold_and_the_probability_and_not_the_ratio(system, wavs):
    even, rare = system.verify(*wavs[:2]), system.verify(*wavs[:2], prior=0.01)
    assert rare.llr == even.llr
    assert rare.threshold_llr == pytest.approx(math.log(99))
    odds = 0.01 / 0.99 * math.exp(rare.llr)
    assert rare.probability == pytest.approx(odds / (1 + odds))
    with pytest.raises(StepsError, match="prior: 1 is no probability"):
        system.verify(*wavs[:2], prior=1)


def test_a_recording_is_of_its_own_speaker(system, wavs):
    verdict = system.verify(wavs[0], wavs[0])
    assert verdict.decision == "same speaker"
    assert "same speaker: probability" in str(verdict)
    assert verdict.speech_sec[0] == pytest.approx(verdict.speech_sec[1])
    assert 0 < verdict.speech_sec[0] < verdict.evidence["duration_sec"][0]


def test_a_system_without_calibration_says_so(system_path, wavs, tmp_path):
    steps = ["centre", "cosine"]
    system = load_system(write_system(tmp_path / "s.swx", system_path.parent / "final.pt", steps))
    verdict = system.verify(*wavs[:2])
    assert (verdict.llr, verdict.probability, verdict.is_same_speaker) == (None, None, None)
    assert verdict.decision == "uncalibrated"
    assert str(verdict).startswith("uncalibrated: score")
    assert system.info["thresholds"] == []


def test_scores_without_calibration_are_calibrated_on_a_list(system_path, wavs, tmp_path):
    (tmp_path / "list").write_text("a b target\na c target\na d nontarget\nb d nontarget\n")
    (tmp_path / "scores").write_text("a b 0.9\na c 0.2\na d 0.3\nb d -0.4\n")
    lists = {"dev": [f"{tmp_path}/list", f"{tmp_path}/scores"]}
    final = system_path.parent / "final.pt"
    system = load_system(write_system(tmp_path / "s.swx", final, ["cosine"], lists=lists))
    verdict = system.verify(wavs[0], wavs[0])
    assert verdict.score == pytest.approx(1, abs=1e-6)
    assert verdict.llr > verdict.threshold_llr
    assert "4 trials of dev" in verdict.evidence["calibration"]
    half = next(t for t in system.info["thresholds"] if t["p_target"] == 0.5)
    assert system.llr(half["score"]) == pytest.approx(0, abs=1e-9)


def test_a_list_whose_targets_score_lower_calibrates_nothing(system_path, tmp_path):
    (tmp_path / "list").write_text("a b target\na c nontarget\nb c nontarget\nb d target\n")
    (tmp_path / "scores").write_text("a b 0\na c 1\nb c 0.1\nb d 0.2\n")
    lists = {"dev": [f"{tmp_path}/list", f"{tmp_path}/scores"]}
    final = system_path.parent / "final.pt"
    path = write_system(tmp_path / "s.swx", final, ["cosine"], lists=lists)
    assert not load_system(path).is_calibrated


def test_a_file_without_scoring_embeds_only(system_path, wavs, tmp_path):
    system = load_system(write_system(tmp_path / "s.swx", system_path.parent / "final.pt", []))
    assert system.embed(wavs[0]).shape == (6,)
    with pytest.raises(StepsError, match="embeds only"):
        system.verify(*wavs[:2])


def test_cohort_normalisation_is_that_of_the_formula_by_hand(system_path, wavs, tmp_path):
    steps = ["lda", "cosine", "s_norm"]
    system = load_system(write_system(tmp_path / "s.swx", system_path.parent / "final.pt", steps))
    matrix = read_object(f"{tmp_path}/back_end/transform.mat", FLOAT_MATRIX)
    cohort_CD = np.stack([x_D for _, x_D in read_cohort(tmp_path / "back_end/cohort.ark")])

    def unit(x_ND):
        return x_ND / np.linalg.norm(x_ND, axis=1, keepdims=True)

    a_D, b_D = unit(system.embed(wavs[:2]) @ matrix.T)
    of_a_C, of_b_C = unit(cohort_CD) @ a_D, unit(cohort_CD) @ b_D
    z, t = (((a_D @ b_D) - x_C.mean()) / x_C.std() for x_C in (of_a_C, of_b_C))
    assert system.verify(*wavs[:2]).score == pytest.approx((z + t) / 2, abs=1e-4)


@pytest.mark.parametrize(
    "copies", [CopiesConfig(speeds=[0.9, 1.0]), CopiesConfig(crops=CropsConfig(count=3, frames=60))]
)
def test_copies_of_a_recording_are_averaged(copies, system_path, wavs, tmp_path):
    final = system_path.parent / "final.pt"
    config = XvectorsConfig(copies=copies)
    system = load_system(write_system(tmp_path / "s.swx", final, xvectors=config))
    plain_E = load_system(system_path).embed(wavs[0])
    assert np.abs(system.embed(wavs[0]) - plain_E).max() > 1e-6


def test_recordings_that_do_not_fit_are_answered_in_one_line(system, tmp_path, monkeypatch):
    speech_N = draw_speech(np.random.default_rng(0), 2 * RATE_HZ, 100)
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(200))
    whole = Path(write_wav(tmp_path / "whole.wav", speech_N)).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:20000])
    not_finite_N = np.where(speech_N > 1000, np.nan, speech_N / 32768).astype(np.float32)
    soundfile.write(tmp_path / "nan.wav", not_finite_N, RATE_HZ, subtype="FLOAT")
    answers = {
        write_wav(tmp_path / "fast.wav", speech_N, 16000): "has 16000 Hz, but the system takes",
        write_wav(tmp_path / "two.wav", np.stack([speech_N] * 2)): "has 2 channels",
        write_wav(tmp_path / "brief.wav", speech_N[:100]): "too short for features",
        write_wav(tmp_path / "word.wav", speech_N[:1000]): "frames are voiced, at least 25",
        write_wav(tmp_path / "silent.wav", 0 * speech_N): "of silence: all samples are 0",
        str(tmp_path / "gone.wav"): "cannot open",
        str(tmp_path / "cut.wav"): "truncated; the header promises 2.00 s",
        str(tmp_path / "nan.wav"): "has samples that are not finite",
        str(tmp_path): "is a folder",
        str(tmp_path / "empty.wav"): "is empty",
        str(tmp_path / "note.txt"): "is not read without the program ffmpeg",
        str(tmp_path / "film.mp4"): "is not read without the program ffmpeg",
    }
    monkeypatch.setenv("PATH", str(tmp_path))
    for path, said in answers.items():
        with pytest.raises(AudioError) as error:
            system.embed(path)
        assert said in str(error.value)
        assert str(error.value).startswith(path)
        assert "\n" not in str(error.value)


def test_a_file_or_a_stream_of_many_hours_is_refused_and_little_of_it_is_read(
    system, tmp_path, monkeypatch
):
    path = tmp_path / "night.wav"
    header = b"RIFF" + struct.pack("<I", 36 + 2 * 36_000 * RATE_HZ) + b"WAVEfmt "
    header += struct.pack("<IHHIIHH", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    with open(path, "wb") as file:
        file.write(header + b"data" + struct.pack("<I", 2 * 36_000 * RATE_HZ))
        file.truncate(44 + 2 * 36_000 * RATE_HZ)  # 10 hours, no block on the disk
    monkeypatch.setattr(sound, "MOST_SEC", 2.0)
    with pytest.raises(AudioError, match="is longer than 0.000555556 h, the most") as error:
        system.embed(path)
    assert str(error.value).startswith(str(path))
    speech_N = draw_speech(np.random.default_rng(0), RATE_HZ, 100).astype(np.int16)
    seconds_N = itertools.repeat(speech_N)
    with pytest.raises(AudioError, match="is longer than"):
        list(system.verify_live((speech_N, RATE_HZ), seconds_N, rate_hz=RATE_HZ))


def test_a_rate_or_a_channel_is_converted_where_that_is_allowed(system, tmp_path):
    speech_N = draw_speech(np.random.default_rng(0), 3 * RATE_HZ, 100)
    plain = write_wav(tmp_path / "plain.wav", speech_N)
    two = write_wav(tmp_path / "two.wav", np.stack([0 * speech_N, speech_N]))
    fast = write_wav(tmp_path / "fast.wav", np.repeat(speech_N, 2), 16000)
    np.testing.assert_array_equal(system.embed(two, channel=2), system.embed(plain))
    assert system.embed(fast, resample=True).shape == (6,)
    with pytest.raises(AudioError, match="channel 3 is asked for"):
        system.embed(two, channel=3)


@pytest.mark.parametrize(
    "samples, said",
    [
        (np.array([np.nan, 0.0]), "are not finite"),
        (np.array([900.0, 0.0]), "within -1 to 1"),
        (np.array(["a"]), "an array of shape"),
        (np.zeros((2, 3, 4)), "an array of shape"),
        (np.array([], np.int16), "no samples"),
        (np.array([10**6]), "exceed 16 bits"),
        (np.zeros((8000, 2)), "so of 8000 channels"),
        (iter([np.zeros(9), np.zeros((2, 9))]), r"have blocks of 1, 2 channels"),
    ],
)
def test_samples_that_are_no_sound_are_refused(system, samples, said):
    with pytest.raises(AudioError, match=said):
        system.embed(samples, rate_hz=RATE_HZ)


def test_samples_need_a_rate(system):
    with pytest.raises(AudioError, match=r"have no rate\. Give it"):
        system.embed(np.zeros(8000))


def test_little_speech_and_clipping_are_warned_of(system, tmp_path):
    loud_N = np.clip(20 * draw_speech(np.random.default_rng(0), RATE_HZ, 100), -32768, 32767)
    found = system.verify(*[write_wav(tmp_path / "loud.wav", loud_N)] * 2).warnings
    assert any("s of speech; below 2 s" in line for line in found)
    assert any("% of the samples are clipped" in line for line in found)
