"""Stages with a network for frames, one after the other as the rules call them."""

import json

import numpy as np
import pytest

from steps_py.backend.plda import Plda
from steps_py.backend.plda_io import write_plda
from steps_py.diarization.rttm import read_rttm, write_rttm
from steps_py.diarization.turns import Turn
from steps_py.errors import StepsError
from steps_py.stages import (
    add_second_speakers,
    cluster_local_speakers,
    cluster_windows,
    compute_conversation_feats,
    cut_windows,
    embed_windows,
    find_local_speakers,
    find_overlap,
    find_speech,
    prepare_conversations,
    resegment_windows,
    score_diarization,
    train_segmentation,
)
from tests.support.small_extractor import write_model, write_recording

NETWORK = {
    "encoder": {"name": "tdnn", "hidden_dim": 4, "out_dim": 4},
    "window_sec": 1.0,
    "num_epochs": 1,
    "batch_size": 2,
    "steps_per_epoch": 2,
    "num_threads": 1,
    "num_workers": 0,
}
SET = {"recordings": "calls", "rttm": "calls.rttm"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two calls, prepared, and a network of task powerset that was trained on them."""
    folder = tmp_path_factory.mktemp("stages")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_model(folder, more="--dither=0\n")
        (folder / "calls").mkdir()
        turns = []
        for name in ("a", "b"):
            write_recording(folder / f"calls/{name}.wav", sec=4.0, seed=ord(name))
            turns += [Turn(name, 1.0, 3.0, "ann"), Turn(name, 2.5, 4.0, "bob")]
        write_rttm("calls.rttm", turns)
        write_plda("plda", Plda(np.zeros(6), np.eye(6), np.full(6, 5.0)))
        extractor = ["--extractor", "final.pt"]
        prepare_conversations.main(["--config", json.dumps(SET), "--out", "data"])
        frames = ["--out-ark", "frames/feats.ark", "--out-scp", "frames/feats.scp"]
        given = ["--set", json.dumps(SET), "--data", "data"]
        compute_conversation_feats.main([*given, *extractor, *frames])
        table = ["frames/feats.scp", "data/ref.rttm"]
        for name, task in (("local", "powerset"), ("count", "speaker_count")):
            config = json.dumps(NETWORK | {"task": {"name": task}})
            words = ["--config", config, *extractor, "--train", *table, "--valid", *table]
            train_segmentation.main([*words, "--out", name])
    return folder


def test_speech_overlap_and_second_speakers_lead_to_a_table(folder, monkeypatch):
    monkeypatch.chdir(folder)
    given = ["--set", json.dumps(SET), "--data", "data"]
    speech = {"name": "network", "network": "count/final.pt", "threshold": 0.0}
    words = ["--speech", json.dumps(speech), "--extractor", "final.pt", "--out", "speech"]
    find_speech.main([*given, *words])
    cut_windows.main(["--config", "{}", "--speech", "speech", "--out", "segments"])
    archives = ["--out-ark", "x.ark", "--out-scp", "x.scp"]
    words = ["--extractor", "final.pt", "--segments", "segments"]
    embed_windows.main([*given, *words, *archives])
    of_set = ["--segments", "segments", "--xvectors", "x.scp", "--plda", "plda"]
    known = ["--config", '{"known_num_speakers": true}', "--num-speakers", "data/reco2num_spk"]
    cluster_windows.main(["--system", '{"name": "ahc"}', *known, *of_set, "--out", "ahc.rttm"])
    again = ["--config", '{"name": "vb"}', "--turns", "ahc.rttm", "--out", "again.rttm"]
    resegment_windows.main([*again, *of_set])
    config = json.dumps({"network": "count/final.pt", "threshold": 0.0})
    find_overlap.main(["--config", config, *given, "--out", "overlap"])
    words = ["--turns", "again.rttm", "--overlaps", "overlap", "--out", "again_overlap.rttm"]
    add_second_speakers.main([*words, *of_set])
    systems = ["ahc.rttm", "again.rttm", "again_overlap.rttm"]
    seconds = [
        sum(turn.end_sec - turn.start_sec for turn in read_rttm(folder / name)) for name in systems
    ]
    assert seconds[0] == pytest.approx(seconds[1]) and seconds[2] == pytest.approx(2 * seconds[1])
    words = ["--name", "calls", "--reference", "data/ref.rttm", "--regions", "data/all.uem"]
    words += ["--systems", *systems, "--out", "der.txt", "--out-tsv", "der.tsv"]
    score_diarization.main(words)
    assert "again_overlap" in (folder / "der.txt").read_text()


def test_speakers_of_windows_are_found_and_clustered(folder, monkeypatch):
    monkeypatch.chdir(folder)
    words = ["--network", "local/final.pt", "--set", json.dumps(SET), "--data", "data"]
    find_local_speakers.main([*words, "--extractor", "final.pt", "--out", "local"])
    words = ["--system", '{"name": "ahc"}', "--windows", "local", "--plda", "plda"]
    known = ["--config", '{"known_num_speakers": true}', "--num-speakers", "data/reco2num_spk"]
    cluster_local_speakers.main([*words, *known, "--out", "eend_vc.rttm"])
    assert {turn.recording for turn in read_rttm(folder / "eend_vc.rttm")} <= {"a", "b"}


def test_a_network_that_counts_finds_no_speakers_of_windows_and_leaves_nothing(folder, monkeypatch):
    monkeypatch.chdir(folder)
    words = ["--network", "count/final.pt", "--set", json.dumps(SET), "--data", "data"]
    with pytest.raises(StepsError, match="does not tell speakers apart"):
        find_local_speakers.main([*words, "--extractor", "final.pt", "--out", "none"])
    assert not list((folder / "none").iterdir())
