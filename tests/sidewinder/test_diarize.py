"""sidewinder diarize: an RTTM file, a picture, files of speakers; errors in one line."""

import numpy as np
import pytest
import soundfile

from steps_py.diarization.rttm import read_rttm
from steps_py.sidewinder.__main__ import main
from tests.support.small_audio import RATE_HZ, write_wav
from tests.support.small_extractor import write_model, write_recording


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """final.pt, a recording with speech, silent.wav and short.wav."""
    folder = tmp_path_factory.mktemp("diarize")
    write_model(folder, more="--dither=0\n")
    write_recording(folder / "a meeting.wav", seed=1)
    write_wav(folder / "silent.wav", np.zeros(RATE_HZ))
    write_wav(folder / "short.wav", np.zeros(20))
    return folder


@pytest.fixture
def diarize(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    model = next(folder.glob("**/*.pt"))

    def run(*words):
        try:
            status = main(["diarize", *map(str, words), "--system", str(model)])
        except SystemExit as exit_:
            status = exit_.code
        return status, *capsys.readouterr()

    return run


def test_the_turns_are_a_file_and_a_picture_and_waves(diarize, folder):
    status, out, _ = diarize(
        *("a meeting.wav", "--out", "a.rttm", "--num-speakers", 1),
        *("--picture", "a.svg", "--wavs", "speakers"),
    )
    assert status == 0
    turns = read_rttm(folder / "a.rttm")
    assert {turn.speaker for turn in turns} == {"a_meeting-1"}
    assert out.split()[0] == "a_meeting-1"
    assert (folder / "a.svg").read_text().count("<rect") == len(turns)
    seconds = soundfile.info(folder / "speakers/a_meeting-1.wav").duration
    assert seconds == pytest.approx(sum(t.end_sec - t.start_sec for t in turns), abs=0.01)


@pytest.mark.parametrize("name", ["silent.wav", "short.wav"])
def test_without_speech_there_are_no_turns_and_a_warning(diarize, folder, name):
    status, out, err = diarize(name, "--out", "none.rttm")
    assert (status, out) == (0, "")
    assert f"{name}: has no speech, so nobody is found in it." in err
    assert (folder / "none.rttm").read_text() == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.wav"], "nowhere.wav: cannot open"),
        (["silent.wav", "--num-speakers", 0], "--num-speakers: is 0. Give 1 or more."),
        (["silent.wav", "--min-speakers", 3, "--max-speakers", 2], "more than --max-speakers 2"),
        (["silent.wav", "--num-speakers", 2, "--max-speakers", 2], "--num-speakers: is given"),
        (["silent.wav", "--clusterer", "spectal"], "Did you mean 'spectral'?"),
        (["silent.wav", "--option", "treshold=1"], "Did you mean 'threshold'?"),
        (["silent.wav", "--speech", "oracle"], "reads a reference"),
        (["silent.wav", "--shift-sec", 9], "--shift-sec: is 9"),
    ],
)
def test_what_a_user_can_correct_is_one_line(diarize, folder, words, said):
    status, _, err = diarize(*words, "--out", "bad.rttm")
    assert status == 1 and said in err
    assert len(err.strip().splitlines()) == 1
    assert not (folder / "bad.rttm").exists()
