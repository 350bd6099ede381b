"""agglomerative-cluster: scores and costs, thresholds and known numbers of speakers."""

from pathlib import Path

import numpy as np
import pytest

from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import TableWriter
from steps_py.kaldi.commands import main

POINTS = {"r0": np.array([0.0, 1.0, 10.0, 11.0]), "r1": np.array([0.0, 50.0])}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Two recordings; scores are minus the distances of points on a line."""
    monkeypatch.chdir(tmp_path)
    with (
        TableWriter("ark:scores.ark", FLOAT_MATRIX) as scores,
        TableWriter("ark:costs.ark", FLOAT_MATRIX) as costs,
    ):
        for reco, x_N in POINTS.items():
            cost_NN = np.abs(x_N[:, np.newaxis] - x_N)
            scores.write(reco, -cost_NN)
            costs.write(reco, cost_NN)
    (tmp_path / "reco2utt").write_text("r0 a b c d\nr1 e f\n")
    (tmp_path / "num_spk").write_text("r0 1\nr1 2\n")
    return tmp_path


def labels(*options, scores="scores.ark"):
    argv = (*options, f"ark:{scores}", "ark:reco2utt", "ark,t:labels")
    assert main(["agglomerative-cluster", *argv]) == 0
    return {utt: int(label) for utt, label in map(str.split, Path("labels").open())}


def refused(capfd, *options):
    argv = (*options, "ark:scores.ark", "ark:reco2utt", "ark,t:labels")
    assert main(["agglomerative-cluster", *argv]) == 255
    message = capfd.readouterr().err
    assert "Traceback" not in message
    return message


def test_scores_above_the_threshold_are_merged():
    got = labels("--threshold=-5")
    assert got == {"a": 1, "b": 1, "c": 2, "d": 2, "e": 1, "f": 2}


def test_costs_below_the_threshold_are_merged():
    assert labels("--read-costs=true", "--threshold=5", scores="costs.ark") == labels(
        "--threshold=-5"
    )


def test_a_known_number_of_speakers_overrides_the_threshold():
    got = labels("--threshold=1000", "--reco2num-spk-rspecifier=ark:num_spk")
    assert got == {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 2}


def test_no_speaker_gets_more_than_the_fraction(folder):
    (folder / "num_spk").write_text("r0 2\nr1 2\n")
    known = "--reco2num-spk-rspecifier=ark:num_spk"
    assert max(np.bincount(list(labels(known, "--max-spk-fraction=0.5").values()))[1:]) == 3
    assert labels(known, "--max-spk-fraction=0.1") == labels(known)  # too small to be meant


def test_many_utterances_are_clustered_in_two_passes():
    assert labels("--threshold=-5", "--first-pass-max-utterances=2") == labels("--threshold=-5")


def test_recordings_that_do_not_fit_are_refused(folder, capfd):
    (folder / "reco2utt").write_text("r0 a b c\nr1 e f\n")
    assert "r0 has a matrix of 4 x 4, but 3 utterances" in refused(capfd)
    (folder / "reco2utt").write_text("r1 e f\n")
    assert "has no entry for r0" in refused(capfd)
    assert not (folder / "labels").exists()


def test_a_recording_without_speakers_is_refused(folder, capfd):
    (folder / "num_spk").write_text("r0 0\nr1 2\n")
    assert "r0 has 0 speakers" in refused(capfd, "--reco2num-spk-rspecifier=ark:num_spk")
