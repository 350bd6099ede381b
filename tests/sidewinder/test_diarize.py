"""sidewinder diarize: an RTTM file, a picture, files of speakers; errors in one line."""

import numpy as np
import pytest
import soundfile
import torch

from steps_py.diarization.rttm import read_rttm
from steps_py.model.extractor import load_extractor
from steps_py.segmentation.config import FrameModelConfig
from steps_py.segmentation.model import FrameModel
from steps_py.segmentation.segmenter import Segmenter, save_segmenter
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
        (["silent.wav", "--speech", "network"], "--speech network: needs a network"),
        (["silent.wav", "--overlap"], "--overlap: needs a network. Give --segmentation."),
        (["silent.wav", "--overlap", "--segmentation", "x.pt"], "x.pt: there is no such file"),
    ],
)
def test_what_a_user_can_correct_is_one_line(diarize, folder, words, said):
    status, _, err = diarize(*words, "--out", "bad.rttm")
    assert status == 1 and said in err
    assert len(err.strip().splitlines()) == 1
    assert not (folder / "bad.rttm").exists()


def write_segmenter(path, model_path):
    """A network for frames that hears several speakers in every frame."""
    front_end = load_extractor(model_path).front_end
    config = FrameModelConfig(encoder={"name": "tdnn", "hidden_dim": 4, "out_dim": 4})
    feat_dim = load_extractor(model_path).feat_dim
    model = FrameModel(config, feat_dim, 3)
    with torch.no_grad():
        model.affine.weight.zero_()
        model.affine.bias.copy_(torch.tensor([0.0, 1.0, 9.0]))
    task = {"name": "speaker_count"}
    save_segmenter(path, Segmenter(model, config, task, front_end, feat_dim, 100))


def test_a_network_for_frames_finds_speech_and_second_speakers(diarize, folder):
    write_segmenter(folder / "frames", next(folder.glob("**/*.pt")))
    words = ("--speech", "network", "--segmentation", "frames", "--num-speakers", 2)
    assert diarize("a meeting.wav", *words, "--out", "one.rttm")[0] == 0
    assert diarize("a meeting.wav", *words, "--overlap", "--out", "two.rttm")[0] == 0
    seconds = [
        sum(turn.end_sec - turn.start_sec for turn in read_rttm(folder / name))
        for name in ("one.rttm", "two.rttm")
    ]
    assert seconds[1] == pytest.approx(2 * seconds[0], rel=0.01)
    assert seconds[0] == pytest.approx(soundfile.info(folder / "a meeting.wav").duration, abs=0.1)
