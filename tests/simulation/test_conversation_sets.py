"""Simulated sets: data directories with an exact reference, the same in any number of parts."""

import numpy as np
import pytest
import soundfile

from steps_py.conversations.config import ConversationsConfig
from steps_py.conversations.prepare import prepare
from steps_py.data.data_dir import read_table
from steps_py.diarization.rttm import read_rttm
from steps_py.diarization.simulate import SimulationConfig
from steps_py.errors import AudioError, ConfigError, DataDirError
from steps_py.simulation.config import SimulatedSetConfig
from steps_py.simulation.lay_out import lay_out_set
from steps_py.simulation.plan_table import read_plans
from steps_py.simulation.recordings import write_recordings
from steps_py.stages.mix_conversations import slice_of

RATE_HZ = 8000
LAYOUT = SimulationConfig(duration_sec=12, overlap_probability=0.0, level_range_db=0.0)


def config_of(**options):
    return SimulatedSetConfig(
        speech="talk", **{"num_recordings": 3, "num_speakers": [2, 3], "layout": LAYOUT} | options
    )


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """A data directory of four speakers, each with a tone of its own for 4 s."""
    folder = tmp_path_factory.mktemp("speech")
    lines = {name: "" for name in ("wav.scp", "utt2spk", "utt2dur")}
    time = np.arange(4 * RATE_HZ) / RATE_HZ
    for index in range(4):
        path = folder / f"s{index}.wav"
        soundfile.write(path, 0.1 * np.sin(2 * np.pi * 400 * (index + 1) * time), RATE_HZ)
        lines["wav.scp"] += f"s{index}-1 {path}\n"
        lines["utt2spk"] += f"s{index}-1 s{index}\n"
        lines["utt2dur"] += f"s{index}-1 4.0\n"
    for name, text in lines.items():
        (folder / name).write_text(text)
    return folder


def made(speech, out, config, parts=None, items=("1-of-1",)):
    """The folder of a set, and its sounds by recording."""
    lay_out_set("talk", config, speech, out)
    sounds = {}
    for item in items:
        plans = slice_of(read_plans(out / "plan.tsv"), item)
        write_recordings(plans, speech / "wav.scp", config, parts or {}, out / item)
        for name, path in read_table(out / item / "wav.scp").items():
            sounds[name] = soundfile.read(path, dtype="int16")[0]
    return sounds


def test_each_turn_of_the_reference_has_the_sound_of_its_speaker(speech, tmp_path):
    sounds = made(speech, tmp_path / "set", config_of())
    for turn in read_rttm(tmp_path / "set/ref.rttm"):
        part = sounds[turn.recording][
            round(turn.start_sec * RATE_HZ) : round(turn.end_sec * RATE_HZ)
        ]
        peak_hz = np.abs(np.fft.rfft(part)).argmax() * RATE_HZ / len(part)
        assert peak_hz == pytest.approx(400 * (int(turn.speaker[1]) + 1), abs=5)


def test_a_set_is_one_of_diarization_with_its_numbers_of_speakers(speech, tmp_path):
    made(speech, tmp_path / "set", config_of())
    (tmp_path / "set/wav.scp").write_text((tmp_path / "set/1-of-1/wav.scp").read_text())
    config = ConversationsConfig(
        recordings=str(tmp_path / "set"),
        rttm=str(tmp_path / "set/ref.rttm"),
        uem=str(tmp_path / "set/all.uem"),
    )
    prepare(config, tmp_path / "data")
    names = [f"talk-0000{number}" for number in (1, 2, 3)]
    assert read_table(tmp_path / "data/reco2num_spk") == dict(zip(names, "232", strict=True))
    made_sec, read_sec = (read_table(tmp_path / each / "reco2dur") for each in ("set", "data"))
    assert {name: float(made_sec[name]) for name in names} == {
        name: float(read_sec[name]) for name in names
    }


def test_sets_do_not_depend_on_the_number_of_parts_or_of_recordings(speech, tmp_path):
    one = made(speech, tmp_path / "one", config_of())
    two = made(speech, tmp_path / "two", config_of(), items=("1-of-2", "2-of-2"))
    fewer = made(speech, tmp_path / "fewer", config_of(num_recordings=2))
    other = made(speech, tmp_path / "other", config_of(seed=2))
    assert list(one) == list(two)
    assert all((one[name] == two[name]).all() for name in one)
    assert all((one[name] == fewer[name]).all() for name in fewer)
    assert len(one["talk-00001"]) != len(other["talk-00001"])


def test_rooms_and_noise_change_the_sound_and_not_the_times(speech, tmp_path):
    rng = np.random.default_rng(1)
    parts = {}
    for name, samples in (
        ("rooms", np.r_[np.zeros(5), 0.9, 0.1 * rng.standard_normal(2000) / np.arange(1, 2001)]),
        ("noises", 0.1 * rng.standard_normal(3 * RATE_HZ)),
    ):
        parts[f"c.{name}"] = tmp_path / name
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE_HZ)
        (tmp_path / name / "wav.scp").write_text(f"a {tmp_path / name}.wav\n")
        (tmp_path / name / "utt2dur").write_text(f"a {len(samples) / RATE_HZ}\n")
    clean = made(speech, tmp_path / "clean", config_of())
    noise = {"name": "noise", "parts": ["c.noises"], "snr_db": [10], "interval_sec": 0.5}
    noisy = made(speech, tmp_path / "noisy", config_of(noise=noise), parts)
    rooms = {"name": "reverb", "parts": ["c.rooms"]}
    wet = made(speech, tmp_path / "wet", config_of(rooms=rooms), parts)
    for name, sound in clean.items():
        assert len(sound) == len(noisy[name]) == len(wet[name])
        power = np.mean(sound.astype(float) ** 2)
        added = noisy[name].astype(float) - sound
        covered = np.mean(added[: 3 * RATE_HZ] ** 2)  # the first noise
        assert 10 * np.log10(power / covered) == pytest.approx(10, abs=0.2)
        assert (wet[name] != sound).mean() > 0.3
        assert np.mean(wet[name].astype(float) ** 2) == pytest.approx(power, rel=0.05)
    same = made(speech, tmp_path / "again", config_of(noise=noise), parts)
    assert all((noisy[name] == same[name]).all() for name in noisy)


def test_too_few_speakers_are_an_error(speech, tmp_path):
    with pytest.raises(DataDirError, match="4 speakers can be taken, but .* recordings of 5"):
        lay_out_set("talk", config_of(num_speakers=[2, 5]), speech, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_shares_of_speakers_are_in_order():
    with pytest.raises(ConfigError, match=r"speakers is \[0.5, 0.5\], from one share to a larger"):
        config_of(speakers=[0.5, 0.5])


def test_utterances_of_two_rates_are_an_error(speech, tmp_path):
    lay_out_set("talk", config_of(), speech, tmp_path / "set")
    soundfile.write(tmp_path / "fast.wav", np.zeros(4 * 16000), 16000)
    text = (speech / "wav.scp").read_text().replace(str(speech / "s1.wav"), f"{tmp_path}/fast.wav")
    (tmp_path / "wav.scp").write_text(text)
    plans = read_plans(tmp_path / "set/plan.tsv")
    with pytest.raises(AudioError, match="utterances have 8000 and 16000 Hz"):
        write_recordings(plans, tmp_path / "wav.scp", config_of(), {}, tmp_path / "out")


def test_a_damaged_plan_is_an_error_with_its_line(tmp_path):
    path = tmp_path / "plan.tsv"
    path.write_text("c1\tann\ta1\t2.5\t0\t1.25\t0\nc1\tann\ta1\t2.5\n")
    with pytest.raises(DataDirError, match=r"plan.tsv:2: expected 7 columns"):
        read_plans(path)


@pytest.mark.parametrize("item", ["0-of-2", "3-of-2", "2", "a-of-b"])
def test_a_part_that_does_not_exist_is_an_error(item):
    with pytest.raises(ConfigError, match="Write it as 1-of-4"):
        slice_of({"a": 1}, item)
