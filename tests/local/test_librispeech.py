"""LibriSpeech in miniature."""

import pytest

from local import librispeech
from steps_py.data.corpora import load_corpus
from steps_py.errors import DataDirError
from tests.support.tiny_corpora import write_lines, write_sound

SPEAKERS = (
    ";ID  |SEX| SUBSET           |MINUTES| NAME",
    "19   | F | train-clean-100  | 25.19 | Kara Shallenberg",
    "190  | M | train-clean-100  | 9.2   | A | B",
    "61   | M | test-clean       | 8.08  | Paul-Gabriel Wiener",
)


def libri(root, top="", **options):
    for path in (
        "train-clean-100/19/198/19-198-0001",
        "train-clean-100/190/5/190-5-0000",
        "train-clean-100/19/198/19-198-0000",
        "test-clean/61/70968/61-70968-0000",
    ):
        write_sound(root / f"{top}{path}.flac")
    write_lines(root / f"{top}train-clean-100/19/198/19-198.trans.txt", "19-198-0000 WORDS")
    write_lines(root / f"{top}SPEAKERS.TXT", *SPEAKERS)
    return load_corpus("librispeech", {"root": str(root), "partial": True, **options})


@pytest.mark.parametrize("top", ["", "LibriSpeech/"])
def test_utterances_keep_the_names_of_their_files(tmp_path, top):
    utterances = libri(tmp_path, top).utterances("train-clean-100")
    assert [(u.utt, u.spk) for u in utterances] == [
        ("19-198-0000", "19"), ("19-198-0001", "19"), ("190-5-0000", "190")
    ]  # fmt: skip
    folder = f"{tmp_path}/{top}train-clean-100"
    assert utterances[0].wav == f"flac -c -d -s {folder}/19/198/19-198-0000.flac |"


def test_the_published_figures_add_up():
    """Table 1 of Panayotov et al.: 2,484 speakers; the corpus's page: 292,367 utterances."""
    assert sum(part.num_speakers for part in librispeech.PUBLISHED.values()) == 2484
    assert sum(part.num_utts for part in librispeech.PUBLISHED.values()) == 292367


def test_a_part_of_another_size_is_an_error(tmp_path):
    with pytest.raises(DataDirError, match="1 utterances of 1 speakers .* are 2620 of 40. Set"):
        libri(tmp_path, partial=False).utterances("test-clean")


def test_a_part_that_is_not_there_is_named_with_the_layout(tmp_path):
    said = libri(tmp_path).missing(["train-clean-100", "dev-other"])
    assert said.startswith("data.corpora.librispeech.root: part 'dev-other' is not in")
    assert "train-clean-100/19/198/19-198-0000.flac" in said
    assert "https://www.openslr.org/12/" in said


def test_speakers_of_another_part_are_found_by_speakers_txt(tmp_path):
    corpus = libri(tmp_path)
    write_sound(tmp_path / "train-clean-100/61/70968/61-70968-0001.flac")
    with pytest.raises(DataDirError, match="1 speakers do not belong here .*61: test-clean"):
        corpus.utterances("train-clean-100")


def test_a_file_that_is_out_of_place_is_named(tmp_path):
    corpus = libri(tmp_path)
    write_sound(tmp_path / "train-clean-100/19/198/20-198-0002.flac")
    with pytest.raises(DataDirError, match="19/198/20-198-0002.flac is not <speaker>/<chapter>/"):
        corpus.utterances("train-clean-100")


def test_trials_come_from_the_users_list_only(tmp_path):
    assert libri(tmp_path).trial_lists() == []
    path = write_lines(
        tmp_path / "list",
        "1 test-clean/61/70968/61-70968-0000.flac 61-70968-0001",
        "0 61/70968/61-70968-0000.flac 19-198-0000",
    )
    corpus = libri(tmp_path, trials={"mine": {"file": str(path)}})
    assert corpus.trials("mine", {"61-70968-0001", "19-198-0000"}) == [
        ("61-70968-0000", "61-70968-0001", True), ("61-70968-0000", "19-198-0000", False)
    ]  # fmt: skip
