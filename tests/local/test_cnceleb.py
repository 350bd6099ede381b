"""CN-Celeb in miniature: enrolment by one recording or by several utterances."""

import pytest

from local import cnceleb1, cnceleb2
from steps_py.data.corpora import load_corpus
from steps_py.errors import DataDirError
from tests.support.miniatures import build
from tests.support.tiny_corpora import write_lines


def mini(root, name="cnceleb1", **options):
    build(name, root, num_speakers=3, num_utts=3)
    return load_corpus(name, {"root": str(root), "partial": True, **options})


def test_the_published_trials_are_all_enrolments_against_all_test_utterances():
    parts = cnceleb1.PUBLISHED
    assert parts["enroll"].num_utts * parts["test"].num_utts == cnceleb1.PUBLISHED_TRIALS["eval"]
    assert parts["dev"].num_speakers + cnceleb2.PUBLISHED["train"].num_speakers == 2793


def test_a_model_has_the_utterances_of_enroll_map(tmp_path):
    corpus = mini(tmp_path)
    known = {u.utt for u in corpus.utterances("enroll_utts")}
    assert corpus.model_utts("eval", known) == {
        f"id0000{s}-enroll": [
            f"id0000{s}-enroll-interview-01-001",
            f"id0000{s}-enroll-singing-01-002",
        ]
        for s in (1, 2)
    }


def test_of_partial_recordings_models_keep_the_utterances_that_are_there(tmp_path):
    corpus = mini(tmp_path)
    (tmp_path / "data/id00001/interview-01-001.flac").unlink()
    known = {u.utt for u in corpus.utterances("enroll_utts")}
    assert corpus.notes == ["kept 3 of 4 recordings of eval/lists/enroll.map"]
    models = corpus.model_utts("eval", known)
    assert models["id00001-enroll"] == ["id00001-enroll-singing-01-002"]
    with pytest.raises(DataDirError, match="none of the utterances of the list of models 'eval'"):
        corpus.model_utts("eval", {"id00009-x"})


def test_recordings_converted_to_wav_are_found_by_lists_of_flac_and_the_other_way_round(tmp_path):
    corpus = mini(tmp_path)
    write_lines(tmp_path / "eval/lists/enroll.map", "id00001-enroll id00001/interview-01-001.flac")
    assert [u.utt for u in corpus.utterances("enroll_utts")] == ["id00001-enroll-interview-01-001"]


def test_a_trial_names_a_model_and_a_test_recording(tmp_path):
    first = mini(tmp_path).trials("eval", {"id00001-enroll", "id00001-speech-01-003"})[0]
    assert first == ("id00001-enroll", "id00001-speech-01-003", True)


def test_speakers_to_train_on_are_those_of_the_list(tmp_path):
    corpus = mini(tmp_path)
    assert {u.spk for u in corpus.utterances("dev")} == {"id00000"}
    write_lines(tmp_path / "dev/dev.lst", "id00000", "id00404")
    whole = load_corpus("cnceleb1", {"root": str(tmp_path)})
    with pytest.raises(DataDirError, match="1 of 2 speakers have no folder in .*id00404"):
        whole.utterances("dev")
