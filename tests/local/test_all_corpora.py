"""What holds of every corpus that has a miniature: tests/support/miniatures.py."""

import itertools
import shutil

import pytest

from steps_py.data.corpora import load_corpus
from steps_py.data.data_dir import check_data_dir
from steps_py.data.sets import combine_parts, write_part
from steps_py.data.trial_checks import check_trials
from steps_py.errors import StepsError
from tests.support.miniatures import BUILDERS, Recorded, build
from tests.support.tiny_corpora import write_sound


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """name -> (folder, what is in it) of each miniature, made when it is first asked for."""
    found = {}

    def get(name):
        if name not in found:
            root = tmp_path_factory.mktemp(name)
            found[name] = root, build(name, root)
        return found[name]

    return get


def corpus_of(name, root, **options):
    return load_corpus(name, {"root": str(root), "partial": True, **options})


def said_of(action):
    """The lines of the error that `action` raises."""
    with pytest.raises(StepsError) as error:
        action()
    return str(error.value).splitlines()


@pytest.mark.parametrize("name", BUILDERS)
def test_a_part_has_the_speakers_and_utterances_of_its_miniature(made, name, tmp_path):
    root, expected = made(name)
    corpus = corpus_of(name, root, **expected.options)
    assert set(corpus.parts()) == set(expected.parts), "all parts are in the miniature"
    for part, (num_speakers, num_utts) in expected.parts.items():
        write_part(tmp_path / f"{name}.{part}", corpus.utterances(part, num_threads=1))
        combine_parts([tmp_path / f"{name}.{part}"], tmp_path / part)
        found = check_data_dir(tmp_path / part)  # sorted by speaker too, lengths above 0
        assert (len(found.speakers), found.num_utts) == (num_speakers, num_utts)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_sides_of_its_trials_are_utterances_or_models_of_its_parts(made, name):
    root, expected = made(name)
    corpus = corpus_of(name, root, id_prefix="mini-", **expected.options)
    parts = [corpus.utterances(part, num_threads=1) for part in expected.parts]
    utt2spk = {u.utt: u.spk for u in itertools.chain(*parts)}
    assert set(corpus.model_lists) == set(expected.models)
    for models, number in expected.models.items():
        utts_of = corpus.model_utts(models, utt2spk)
        assert len(utts_of) == number
        assert all(utt in utt2spk for utts in utts_of.values() for utt in utts)
        utt2spk = {model: utt2spk[utts[0]] for model, utts in utts_of.items()} | utt2spk
    assert set(corpus.published_trials) == set(expected.trials)
    for trials, number in expected.trials.items():
        found = corpus.trials(trials, utt2spk)
        kept, _ = check_trials(found, utt2spk, utt2spk, f"{name}.{trials}", corpus)
        assert len(found) == len(kept) == number


@pytest.mark.parametrize("name", BUILDERS)
def test_a_corpus_that_says_genders_says_that_of_every_speaker(made, name):
    root, expected = made(name)
    corpus = corpus_of(name, root, **expected.options)
    genders = corpus.genders()
    speakers = {u.spk for part in expected.parts for u in corpus.utterances(part, num_threads=1)}
    assert genders.keys() >= speakers or not genders
    assert set(genders.values()) <= {"f", "m"}
    assert bool(genders) == expected.has_genders


@pytest.mark.parametrize("name", BUILDERS)
def test_a_miniature_is_refused_with_the_published_counts_beside_its_own(made, name):
    root, expected = made(name)
    corpus = corpus_of(name, root, partial=False)
    for part in expected.parts:
        published = corpus.published.get(part)
        if published and published.num_utts:
            said = said_of(lambda part=part: corpus.utterances(part, num_threads=1))
            assert len(said) == 1
            assert f"published are {published.num_utts}" in said[0]
            assert f"{expected.parts[part][1]} " in said[0]
    for trials, number in corpus.published_trials.items():
        if number:
            (said,) = said_of(lambda trials=trials: corpus.trials(trials, ()))
            assert f"has {expected.trials[trials]} trials; published are {number}" in said


@pytest.mark.parametrize("name", BUILDERS)
def test_a_folder_of_another_layout_is_an_error_of_one_line_and_the_expected_layout(name, tmp_path):
    write_sound(tmp_path / "some/other/tree/1.wav")
    corpus = corpus_of(name, tmp_path)
    for part in corpus.parts():
        said = said_of(lambda part=part: corpus.utterances(part, num_threads=1))
        assert said[0].startswith(f"data.corpora.{name}.root: ")
        assert all(line.startswith("  ") for line in said[1:])
        assert any("://" in line for line in said[1:]), "where to get it"


@pytest.mark.parametrize("name", BUILDERS)
def test_an_empty_list_or_one_of_another_corpus_is_an_error_of_one_line(made, name, tmp_path):
    root, expected = made(name)
    for part in expected.parts:
        lists = [f for f in corpus_of(name, root).files_read(part) if f.is_file()]
        lists = [f for f in lists if f.name not in expected.unneeded]
        for number, path in enumerate(lists):
            copy = tmp_path / f"{part}{number}"
            shutil.copytree(root, copy)
            (copy / path.relative_to(root)).write_text("")
            said = said_of(lambda p=part, c=copy: corpus_of(name, c).utterances(p, num_threads=1))
            assert len(said) == 1
            (copy / path.relative_to(root)).write_text("no such thing\n")
            said = said_of(lambda p=part, c=copy: corpus_of(name, c).utterances(p, num_threads=1))
            assert len(said) == 1


def test_a_miniature_can_be_made_from_recordings(tmp_path):
    """Of 2 speakers, with files of different lengths; the format is that of the layout."""
    lengths = {"a": (1000, 1100), "b": (1200, 1300), "c": (1400, 1500)}
    files_of = {
        spk: [write_sound(tmp_path / f"{spk}/{n}.flac", num_samples=n) for n in counts]
        for spk, counts in lengths.items()
    }
    build("vivos", tmp_path / "vivos", Recorded(files_of), num_speakers=3, num_utts=2)
    found = corpus_of("vivos", tmp_path / "vivos").utterances("test", num_threads=1)
    assert [round(u.duration_sec * 16000) for u in found] == [1200, 1300, 1400, 1500]
    assert all(u.wav.endswith(".wav") for u in found)
