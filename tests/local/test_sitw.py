"""SITW in miniature: enrolment by recordings and by segments, labels of the keys."""

import pytest

from steps_py.data.corpora import load_corpus
from steps_py.data.trial_checks import check_trials
from steps_py.errors import DataDirError
from tests.support.miniatures import build
from tests.support.tiny_corpora import write_lines


@pytest.fixture
def sitw(tmp_path):
    build("sitw", tmp_path)
    return load_corpus("sitw", {"root": str(tmp_path), "partial": True})


def test_enrolment_is_by_a_recording_or_by_a_segment_of_one(sitw, tmp_path):
    (core, assist, *_) = sitw.utterances("dev_enroll")
    assert (core.utt, core.spk, core.duration_sec) == ("SP00-10000-e0000", "SP00", 0.1)
    assert (assist.utt, assist.duration_sec) == ("SP00-20000-e0000", 0.08)
    path = f"{tmp_path}/dev/audio/e0000.flac"
    assert core.wav == f"flac -c -d -s {path} |"
    assert assist.wav == f"sox {path} -b 16 -t wav - trim 0.01 0.08 |"


def test_a_recording_in_both_test_lists_is_one_utterance(sitw):
    assert [u.utt for u in sitw.utterances("eval_test")] == ["SP02-t0002", "SP03-t0003"]


def test_without_names_of_speakers_each_model_and_test_recording_has_its_own(sitw, tmp_path):
    (tmp_path / "dev/keys/meta.lst").unlink()
    assert [u.utt for u in sitw.utterances("dev_test")] == ["t0000-t0000", "t0001-t0001"]
    utt2spk = {u.utt: u.spk for part in ("dev_enroll", "dev_test") for u in sitw.utterances(part)}
    trials = sitw.trials("dev_assist_multi", utt2spk)
    assert trials[0] == ("20000-20000-e0000", "t0000-t0000", True)
    kept, notes = check_trials(trials, utt2spk, utt2spk, "sitw.dev_assist_multi", sitw)
    assert (len(kept), notes) == (4, [])


def test_a_model_with_two_lines_and_a_segment_behind_the_end_are_refused(sitw, tmp_path):
    path = tmp_path / "dev/lists/enroll-core.lst"
    write_lines(path, "10000 audio/e0000.flac", "10000 audio/e0001.flac")
    with pytest.raises(DataDirError, match="enroll-core.lst: model 10000 comes twice"):
        sitw.utterances("dev_enroll")
    write_lines(path, "10000 audio/e0000.flac")
    write_lines(tmp_path / "dev/lists/enroll-assist.lst", "20000 audio/e0000.flac 1.0 2.5")
    with pytest.raises(DataDirError, match="is 1 to 2.5 s of .*e0000.flac, which lasts 0.1 s"):
        sitw.utterances("dev_enroll")
    write_lines(tmp_path / "dev/lists/enroll-assist.lst", "20000 audio/e0000.flac 1.0")
    with pytest.raises(DataDirError, match="lst:1: expected '<model> audio/<name>.flac"):
        sitw.utterances("dev_enroll")
