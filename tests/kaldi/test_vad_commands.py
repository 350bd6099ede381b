"""compute-vad and select-voiced-frames: options, tables, what is dropped and what is lost."""

import numpy as np
import pytest

from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from tests.support.kaldi_calls import kaldi, read, said, write

QUIET = np.full((4, 2), 1.0, np.float32)
MIXED = np.array([[9, 0], [1, 1], [9, 2], [9, 3]], np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """feats.ark: an utterance that is half loud and one that is quiet throughout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIDEWINDER_STRICT", raising=False)
    write("feats.ark", {"mixed": MIXED, "quiet": QUIET}, FLOAT_MATRIX)
    (tmp_path / "vad.conf").write_text("--vad-energy-threshold=5\n--vad-energy-mean-scale=0\n")
    return tmp_path


def test_decisions_are_written_for_every_utterance(capfd):
    assert kaldi("compute-vad", "--config=vad.conf", "ark:feats.ark", "ark:vad.ark") == 0
    got = read("vad.ark", FLOAT_VECTOR)
    np.testing.assert_array_equal(got["mixed"], [1, 0, 1, 1])
    np.testing.assert_array_equal(got["quiet"], [0, 0, 0, 0])
    message = said(capfd)
    assert "No frames were judged voiced for utterance quiet" in message
    assert "processed 1 utterances successfully; 0 had empty features, and 1 were" in message
    assert "Proportion of voiced frames was 0.375 over 8 frames" in message


def test_unvoiced_utterances_can_be_omitted_in_strict_mode(monkeypatch):
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    options = ("--config=vad.conf", "--omit-unvoiced-utts=true")
    assert kaldi("compute-vad", *options, "ark:feats.ark", "ark:vad.ark") == 0
    assert list(read("vad.ark", FLOAT_VECTOR)) == ["mixed"]


def test_only_silence_is_a_failure():
    write("quiet.ark", {"quiet": QUIET}, FLOAT_MATRIX)
    assert kaldi("compute-vad", "--config=vad.conf", "ark:quiet.ark", "ark:vad.ark") == 1


def test_all_options_reach_the_detector():
    options = (
        "--vad-energy-threshold=0",
        "--vad-energy-mean-scale=1",  # the mean of the first column, 7
        "--vad-frames-context=1",
        "--vad-proportion-threshold=0.9",  # all frames of the window
    )
    assert kaldi("compute-vad", *options, "ark:feats.ark", "ark:vad.ark") == 0
    np.testing.assert_array_equal(read("vad.ark", FLOAT_VECTOR)["mixed"], [0, 0, 0, 1])


def test_an_impossible_option_is_an_error(capfd):
    options = ("--vad-proportion-threshold=1",)
    assert kaldi("compute-vad", *options, "ark:feats.ark", "ark:vad.ark") == 255
    assert "vad_proportion_threshold must lie between 0 and 1, got 1" in said(capfd)


def test_voiced_frames_are_selected():
    write("vad.ark", {"mixed": [1, 0, 0, 1], "quiet": [0, 0, 1, 0]}, FLOAT_VECTOR)
    assert kaldi("select-voiced-frames", "ark:feats.ark", "ark,s,cs:vad.ark", "ark:o.ark") == 0
    got = read("o.ark", FLOAT_MATRIX)
    np.testing.assert_array_equal(got["mixed"], MIXED[[0, 3]])
    np.testing.assert_array_equal(got["quiet"], QUIET[[2]])


def test_dropping_an_unvoiced_utterance_is_no_loss(monkeypatch, capfd):
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    write("vad.ark", {"mixed": [1, 0, 0, 1], "quiet": [0, 0, 0, 0]}, FLOAT_VECTOR)
    assert kaldi("select-voiced-frames", "ark:feats.ark", "ark:vad.ark", "ark:o.ark") == 0
    assert list(read("o.ark", FLOAT_MATRIX)) == ["mixed"]
    message = said(capfd)
    assert "No features were judged as voiced for utterance quiet" in message
    assert "processed 1 utterances, 1 had errors" in message


@pytest.mark.parametrize(
    "decisions, message",
    [
        ({"mixed": [1, 1, 1, 1]}, "quiet: no VAD input found"),
        ({"mixed": [1, 1, 1, 1], "quiet": [1, 1]}, "4 for features and 2 for VAD"),
    ],
)
def test_an_utterance_without_fitting_decisions_is_lost(decisions, message, capfd, monkeypatch):
    write("vad.ark", decisions, FLOAT_VECTOR)
    argv = ("select-voiced-frames", "ark:feats.ark", "ark:vad.ark", "ark:o.ark")
    assert kaldi(*argv) == 0
    assert message in said(capfd)
    monkeypatch.setenv("SIDEWINDER_STRICT", "1")
    assert kaldi(*argv) == 1
    assert "lost 1 of 2 items: quiet" in said(capfd)


def test_empty_features_are_lost(capfd):
    write("empty.ark", {"a": np.zeros((0, 0))}, FLOAT_MATRIX)
    write("vad.ark", {"a": []}, FLOAT_VECTOR)
    assert kaldi("select-voiced-frames", "ark:empty.ark", "ark:vad.ark", "ark:o.ark") == 1
    assert kaldi("compute-vad", "ark:empty.ark", "ark:o.ark") == 1
    assert said(capfd).count("a: empty feature matrix") == 2


def test_decisions_other_than_zero_and_one_are_refused(capfd):
    write("vad.ark", {"mixed": [0.5, 0, 1, 1], "quiet": [0, 0, 0, 0]}, FLOAT_VECTOR)
    assert kaldi("select-voiced-frames", "ark:feats.ark", "ark:vad.ark", "ark:o.ark") == 255
    assert "mixed: VAD has values other than 0 and 1" in said(capfd)
