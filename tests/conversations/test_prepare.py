"""Sets of recordings with references: what is found, and one line for each fault."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from steps_py.conversations.config import ConversationsConfig
from steps_py.conversations.prepare import find_recordings, prepare
from steps_py.errors import AudioError, DataDirError


@pytest.fixture
def folder(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / f"{name}.Mix.wav", np.zeros(16000, np.int16), 8000)
    return tmp_path


@pytest.fixture
def config(folder):
    return ConversationsConfig(
        recordings=str(folder), pattern="{recording}/{recording}.Mix.wav", rttm=None
    )


def turn(recording, begin, length, speaker="ann"):
    return f"SPEAKER {recording} 1 {begin} {length} <NA> <NA> {speaker} <NA> <NA>"


def with_rttm(config, folder, lines, end="\n"):
    (folder / "ref.rttm").write_bytes("".join(line + end for line in lines).encode())
    return replace(config, rttm=str(folder / "ref.rttm"))


def fault_of(config, folder):
    with pytest.raises((DataDirError, AudioError)) as error:
        prepare(config, folder / "data")
    assert not (folder / "data").exists()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_pattern_finds_recordings_by_their_names(config):
    assert list(find_recordings(config)) == ["one", "two"]


def test_without_a_reference_whole_recordings_are_regions(config, folder):
    prepare(config, folder / "data")
    assert (folder / "data/all.uem").read_text() == "one 1 0.000 2.000\ntwo 1 0.000 2.000\n"
    assert (folder / "data/ref.rttm").read_text() == ""


def test_windows_line_ends_and_any_order_of_lines_are_accepted(config, folder):
    lines = [turn("two", 0.5, 1), turn("one", 1, 0.5, "ben"), turn("one", 0, 0.5)]
    prepare(with_rttm(config, folder, lines, end="\r\n"), folder / "data")
    assert (folder / "data/reco2num_spk").read_text() == "one 2\ntwo 1\n"


def test_overlapping_turns_of_one_speaker_are_joined(config, folder):
    lines = [turn("one", 0, 1), turn("one", 0.5, 1), turn("two", 0, 1)]
    prepare(with_rttm(config, folder, lines), folder / "data")
    assert (folder / "data/ref.rttm").read_text().splitlines()[0] == turn("one", "0.000", "1.500")


def test_an_unknown_recording_is_named_with_its_line(config, folder):
    said = fault_of(with_rttm(config, folder, [turn("one", 0, 1), turn("twoo", 0, 1)]), folder)
    assert "ref.rttm:2: recording 'twoo' is unknown. Did you mean 'two'?" in said


def test_a_recording_without_reference_is_named(config, folder):
    said = fault_of(with_rttm(config, folder, [turn("one", 0, 1)]), folder)
    assert "1 of 2 recordings have no turn (two)" in said


def test_a_region_beyond_the_end_is_named_with_its_line(config, folder):
    (folder / "all.uem").write_text("one 1 0 2\ntwo 1 0 200\n")
    said = fault_of(replace(config, uem=str(folder / "all.uem")), folder)
    assert "all.uem:2: from 0 to 200 s, but the recording ends at 2 s" in said


def test_another_number_of_recordings_than_the_published_one_is_an_error(config, folder):
    said = fault_of(replace(config, num_recordings=3), folder)
    assert "has 2 recordings, and 3 are published" in said


def test_a_list_chooses_recordings_and_its_reference_may_have_others(config, folder):
    (folder / "dev.lst").write_text("two\n")
    config = with_rttm(config, folder, [turn("one", 0, 1), turn("two", 0, 1)])
    prepare(replace(config, list=str(folder / "dev.lst")), folder / "data")
    assert (folder / "data/reco2dur").read_text() == "two 2.0000\n"


def test_a_name_of_the_list_that_is_not_there_is_an_error(config, folder):
    (folder / "dev.lst").write_text("tvo\n")
    said = fault_of(replace(config, list=str(folder / "dev.lst")), folder)
    assert "1 of 1 recordings are not in" in said and "Did you mean 'two'?" in said


def test_an_empty_recording_is_an_error(config, folder):
    soundfile.write(folder / "two/two.Mix.wav", np.zeros(0, np.int16), 8000)
    assert "two.Mix.wav: no samples" in fault_of(config, folder)
