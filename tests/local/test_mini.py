"""The synthetic corpora: layout, reproducibility, and that there is something to recognise."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from local import mini
from steps_py.draws import generator
from steps_py.errors import AudioError, ConfigError
from steps_py.stages import make_corpus
from steps_py.synthesis import SAMPLE_RATE_HZ
from steps_py.synthesis.channel import Channel, apply_channel, draw_tail, magnitude
from steps_py.synthesis.processes import run_each
from steps_py.synthesis.rooms import image_impulses, impulse_response, rt60_sec
from steps_py.synthesis.sentences import sentence
from steps_py.synthesis.sounds import NOISES, coloured_noise, music
from steps_py.synthesis.speakers import draw_voice
from steps_py.synthesis.spoken_corpus import draw_speakers, draw_trials
from steps_py.synthesis.waves import set_level

SMALL = {
    "num_train_speakers": 2,
    "num_eval_speakers": 3,
    "utts_per_session": 2,
    "min_sec": 1.5,
    "max_sec": 2.5,
    "num_sounds": 4,
    "num_rirs": 3,
    "seed": 7,
}


def make(out, **changes):
    config = json.dumps({**SMALL, **changes})
    make_corpus.main(["--name", "mini", "--config", config, "--out", str(out)])
    return out


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make(tmp_path_factory.mktemp("mini") / "corpus")


def read_wav(path):
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        assert file.getframerate() == SAMPLE_RATE_HZ
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def contents(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_two_runs_give_the_same_bytes_whatever_the_number_of_processes(corpus, tmp_path):
    again = tmp_path / "corpus"
    arguments = ["--name", "mini", "--config", json.dumps(SMALL), "--out", str(again)]
    make_corpus.main([*arguments, "--num-processes", "3"])
    assert contents(again) == contents(corpus)


def test_more_speakers_leave_the_first_ones_as_they_were(corpus, tmp_path):
    more = make(tmp_path / "corpus", num_train_speakers=3, num_eval_speakers=2)
    wavs = {k: v for k, v in contents(more).items() if k.startswith("voxceleb1/dev/")}
    before = {k: v for k, v in contents(corpus).items() if k.startswith("voxceleb1/dev/")}
    assert len(before) == 8
    assert before.items() <= wavs.items()


def test_another_seed_gives_other_voices_and_words():
    assert draw_voice(generator(1, "a"), "f") != draw_voice(generator(2, "a"), "f")
    assert sentence(generator(1, "a")) != sentence(generator(2, "a"))


def test_speech_has_the_layout_of_voxceleb1(corpus):
    wavs = sorted(p.relative_to(corpus / "voxceleb1") for p in corpus.glob("voxceleb1/**/*.wav"))
    assert len(wavs) == (2 + 3) * 2 * 2  # speakers, sessions, utterances
    pattern = r"(dev|test)/wav/id1\d{4}/[A-Za-z0-9_-]{11}/0000[12]\.wav"
    assert all(re.fullmatch(pattern, str(path)) for path in wavs)
    speakers = {part: {p.parts[2] for p in wavs if p.parts[0] == part} for part in ("dev", "test")}
    assert speakers == {"dev": {"id10001", "id10002"}, "test": {"id10270", "id10271", "id10272"}}


def test_utterances_have_the_lengths_that_were_asked_for(corpus):
    for path in corpus.glob("voxceleb1/**/*.wav"):
        samples_N = read_wav(path)
        assert 1.5 <= samples_N.size / SAMPLE_RATE_HZ <= 2.5
        assert 0.003 < samples_N.std() < 0.3


def test_no_utterance_is_said_twice(corpus):
    spoken = [path.read_bytes() for path in corpus.glob("voxceleb1/**/*.wav")]
    assert len(set(spoken)) == len(spoken)
    texts = {sentence(generator(1, "text", n)) for n in range(500)}
    assert len(texts) == 500


def test_trials_are_across_sessions_and_labelled_by_speaker(corpus):
    lines = [line.split() for line in (corpus / "voxceleb1/veri_test.txt").read_text().splitlines()]
    root = corpus / "voxceleb1/test/wav"
    assert all((root / path).is_file() for line in lines for path in line[1:])
    for label, enroll, test in lines:
        same = enroll.split("/")[0] == test.split("/")[0]
        assert label == ("1" if same else "0")
        assert enroll.split("/")[1] != test.split("/")[1]
    assert sum(label == "1" for label, *_ in lines) == 3 * 2 * 2  # by hand: speakers, 2 x 2
    assert len({tuple(line) for line in lines}) == len(lines)


def test_nontarget_trials_are_half_with_speakers_of_near_pitch():
    speakers = draw_speakers("test", 20, seed=1)
    pitch = {s.spk: sum(s.voice.pitch_hz) / 2 for s in speakers}
    trials = [line.split() for line in draw_trials(speakers, 4, seed=1)]
    gaps = [abs(pitch[a.split("/")[0]] - pitch[b.split("/")[0]]) for t, a, b in trials if t == "0"]
    anybody = [abs(pitch[a] - pitch[b]) for a in pitch for b in pitch if a != b]
    assert len(gaps) > 0.9 * sum(t == "1" for t, *_ in trials)
    assert np.median(gaps) < 0.5 * np.median(anybody)


def long_term_spectrum(samples_N, size=512):
    frames = np.lib.stride_tricks.sliding_window_view(samples_N, size)[:: size // 2]
    power = np.mean(np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2, axis=0)
    level_db = 10 * np.log10(power + 1e-9)
    return level_db - level_db.mean()


def test_sessions_of_a_speaker_differ_more_than_utterances_of_a_session(corpus):
    within, across = [], []
    for speaker in corpus.glob("voxceleb1/*/wav/*"):
        spectra = [
            [long_term_spectrum(read_wav(path)) for path in sorted(video.iterdir())]
            for video in sorted(speaker.iterdir())
        ]
        within += [np.std(video[0] - video[1]) for video in spectra]
        across += [np.std(spectra[0][n] - spectra[1][n]) for n in range(2)]
    assert np.mean(across) > 1.5 * np.mean(within)


def test_voices_differ_in_pitch_and_vocal_tract():
    voices = [s.voice for s in draw_speakers("dev", 40, seed=1)]
    assert len({v.text() for v in voices}) == 40
    second = [v.formant_percent[2][0] for v in voices]
    low = [v.pitch_hz[0] for v in voices]
    assert max(second) > 1.2 * min(second)
    assert max(low) > 1.8 * min(low)


def test_sounds_have_the_layout_of_musan(corpus):
    names = {p.stem for p in corpus.glob("musan/*/*/*.wav")}
    assert len(names) == 3 * 4
    assert {"noise-free-sound-0001", "music-fma-0003", "speech-librivox-0000"} <= names
    listed = {
        line.split()[0]
        for path in corpus.glob("musan/*/*/ANNOTATIONS")
        for line in path.read_text().splitlines()
    }
    assert listed == names
    genre = (corpus / "musan/music/fma/ANNOTATIONS").read_text().split()
    assert genre[:4] == ["music-fma-0000", "electronic", "N", "synthesized"]
    for path in corpus.glob("musan/*/*/*.wav"):
        samples_N = read_wav(path)
        assert 2 <= samples_N.size / SAMPLE_RATE_HZ <= 20
        assert samples_N.std() > 0.005


def test_rir_lists_are_in_kaldis_columns_and_name_files_that_exist(corpus):
    for kind in ("smallroom", "mediumroom"):
        path = corpus / "RIRS_NOISES/simulated_rirs" / kind / "rir_list"
        lines = [line.split() for line in path.read_text().splitlines()]
        assert len({line[1] for line in lines}) == len(lines) == 3
        for option, _, room_option, room, wav in lines:
            assert (option, room_option) == ("--rir-id", "--room-id")
            assert room.endswith(Path(wav).parent.name)
            assert abs(read_wav(corpus / wav)).max() == pytest.approx(0.5, abs=1e-3)


def test_direct_sound_and_first_reflection_come_when_geometry_says():
    # Source and receiver 3.43 m apart in the middle of a room 40 m wide: direct sound after
    # 10 ms; floor and ceiling are 4 m away: sqrt(3.43^2 + 8^2) = 8.7042 m, 406 samples, and
    # both reflections arrive together, each 0.5 * 3.43 / 8.7042 of the direct sound.
    h_K = image_impulses([40, 40, 8], 0.5, [18, 20, 4], [21.43, 20, 4])
    assert np.flatnonzero(h_K)[:2].tolist() == [160, 406]
    assert h_K[406] / h_K[160] == pytest.approx(2 * 0.5 * 3.43 / 8.7042, rel=1e-4)


def test_energy_of_a_response_decays_as_eyring_says():
    size_m, reflection = [6.0, 5.0, 3.0], 0.8
    h_K = impulse_response(size_m, reflection, [1.5, 1.2, 1.1], [4.1, 3.3, 1.7])
    left_db = 10 * np.log10(np.cumsum(h_K[::-1] ** 2)[::-1] / np.sum(h_K**2))
    from_5_to_25 = (np.argmax(left_db < -25) - np.argmax(left_db < -5)) / SAMPLE_RATE_HZ
    assert 3 * from_5_to_25 == pytest.approx(rt60_sec(size_m, reflection), rel=0.35)


FLAT = Channel(
    low_hz=1e-3,
    high_hz=1e9,
    tilt_db=0,
    bump_hz=1000,
    bump_db=0,
    rt60_sec=0.1,
    tail_db=-200,
    snr_db=10,
    noise_slope_db=0,
    level_dbfs=-20,
)


def test_noise_is_as_far_below_the_speech_as_the_channel_says():
    tone_N = np.sin(2 * np.pi * 500 * np.arange(SAMPLE_RATE_HZ * 4) / SAMPLE_RATE_HZ)
    heard_N = apply_channel(tone_N, FLAT, np.ones(1), generator(1, "snr"))
    signal_N = tone_N * (heard_N @ tone_N) / (tone_N @ tone_N)
    ratio = np.mean(signal_N**2) / np.mean((heard_N - signal_N) ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.1)
    assert 20 * np.log10(np.sqrt(np.mean(heard_N**2))) == pytest.approx(-20, abs=1e-6)


def test_band_limits_are_three_decibels_down():
    channel = Channel(**{**vars(FLAT), "low_hz": 200.0, "high_hz": 4000.0})
    gain_db = 20 * np.log10(magnitude(np.array([50.0, 200.0, 1000.0, 4000.0, 8000.0]), channel))
    assert gain_db == pytest.approx([-24.1, -3.0, 0.0, -3.0, -36.1], abs=0.1)


def test_tail_has_the_energy_the_channel_says():
    channel = Channel(**{**vars(FLAT), "rt60_sec": 0.3, "tail_db": -6.0})
    tail_K = draw_tail(generator(1, "tail"), channel)
    assert tail_K[0] == 1
    assert np.sum(tail_K[1:] ** 2) == pytest.approx(10**-0.6)


def test_level_is_set_without_clipping():
    assert set_level(np.array([1.0, -1.0]), -20) == pytest.approx([0.1, -0.1])
    spike = np.zeros(10000)
    spike[3] = 1
    assert np.abs(set_level(spike, -20)).max() == pytest.approx(0.99)
    assert np.abs(set_level(np.zeros(5), -20)).max() == 0


def test_coloured_noise_falls_by_its_slope():
    noise_N = coloured_noise(generator(1, "pink"), 2**18, -3)
    power_F = np.abs(np.fft.rfft(noise_N)) ** 2
    hz_F = np.fft.rfftfreq(noise_N.size, 1 / SAMPLE_RATE_HZ)
    low, high = (power_F[(hz_F > f) & (hz_F < 2 * f)].mean() for f in (500, 4000))
    assert 10 * np.log10(low / high) == pytest.approx(9, abs=0.5)  # three octaves


@pytest.mark.parametrize("sound", [*NOISES, music])
def test_sounds_are_finite_fill_their_time_and_follow_their_seed(sound):
    first, again, other = (sound(generator(seed, "s"), 16001) for seed in (1, 1, 2))
    assert first.size == 16001
    assert np.isfinite(first).all()
    assert np.abs(first[-4000:]).max() > 0
    assert (first == again).all()
    assert not (first == other).all()


def _fail(job):
    raise AudioError(f"job {job}: no sound")


def _die(job):
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_error_in_a_job_is_raised_here():
    with pytest.raises(AudioError, match="job 1: no sound"):
        run_each(_fail, [1], num_processes=2)


def test_a_job_that_dies_is_not_taken_for_done():
    with pytest.raises(RuntimeError, match="-9"):
        run_each(_die, [1, 2], num_processes=2)


def test_missing_package_is_named_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(AudioError, match=r"espeakng-loader .* pip install -e \.\[demo\]"):
        make(tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_leaves_nothing_and_keeps_what_was_there(tmp_path, monkeypatch):
    out = make(tmp_path / "corpus", num_train_speakers=1, num_eval_speakers=2, num_sounds=1)
    before = contents(out)

    def broken(config, root, num_processes):
        (root / "voxceleb1").mkdir()
        raise AudioError("no sound")

    monkeypatch.setattr(mini, "make_corpus", broken)
    with pytest.raises(AudioError):
        make(out)
    assert [p.name for p in tmp_path.iterdir()] == ["corpus"]
    assert contents(out) == before


@pytest.mark.slow
def test_a_killed_run_leaves_no_corpus_and_the_next_one_clears_up(tmp_path):
    out = tmp_path / "corpus"
    command = [sys.executable, "-m", "steps_py.stages.make_corpus", "--name", "mini"]
    run = subprocess.Popen([*command, "--out", str(out)], cwd=Path(__file__).parents[2])
    while not list(tmp_path.glob(".corpus.*.tmp/voxceleb1/dev")):
        assert run.poll() is None
        time.sleep(0.05)
    run.kill()
    run.wait()
    assert not out.exists()
    make(out, num_train_speakers=1, num_eval_speakers=2, num_sounds=1)
    assert (out / "made_by.json").is_file()


def test_a_folder_of_the_users_is_never_replaced(tmp_path):
    out = tmp_path / "corpus"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="did not make it"):
        make(out)
    assert (out / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"num_speakers": 3}, "unknown key 'mini.num_speakers'. Did you mean"),
        ({"num_eval_speakers": 1}, "1 is less than the minimum of 2"),
        ({"num_train_speakers": 0}, "'mini.num_train_speakers': 0 is less than the minimum of 1"),
        ({"num_rirs": 2.5}, "'mini.num_rirs' is 2.5; it must be a whole number"),
        ({"min_sec": 9}, "min_sec 9 is above max_sec 2.5"),
    ],
)
def test_config_errors_name_key_and_value(tmp_path, changes, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        make(tmp_path / "corpus", **changes)


def test_an_unknown_corpus_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="'data.synthetic.name' is 'mni'. Did you mean 'mini'"):
        make_corpus.main(["--name", "mni", "--out", str(tmp_path / "x")])
