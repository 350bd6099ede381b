"""What every corpus has in common: config entries, published figures, faults of files."""

import json
from pathlib import Path

import pytest

from steps_py import own_parts
from steps_py.data.corpora import (
    CORPORA,
    Corpus,
    OwnTrials,
    Published,
    Recording,
    load_corpus,
    missing_corpora,
)
from steps_py.data.split import SplitConfig
from steps_py.errors import AudioError, ConfigError, DataDirError
from tests.support.tiny_corpora import write_lines, write_wav

ROOT = Path(__file__).parents[2]


class Tiny(Corpus):
    """A corpus whose one part is published with two speakers and three files."""

    layout = "one/<speaker>-<number>.wav"
    source = "Get it from https://example.org (free)."
    published = {"one": Published(2, 3)}  # noqa: RUF012

    def recordings(self, part):
        for path in sorted(self.folder(part).iterdir()):
            spk = path.stem.partition("-")[0]
            yield Recording(path.stem, spk, str(path))


def tiny(root, names=("anna-1", "anna-2", "ben-1"), **fields):
    for name in names:
        write_wav(root / f"one/{name}.wav", num_samples=8000)
    return Tiny("tiny", Tiny.Config(root=str(root), **fields))


def test_utterances_are_sorted_with_their_lengths(tmp_path):
    utterances = tiny(tmp_path).utterances("one")
    assert [(u.utt, u.spk, u.duration_sec) for u in utterances] == [
        ("anna-1", "anna", 0.5), ("anna-2", "anna", 0.5), ("ben-1", "ben", 0.5)
    ]  # fmt: skip
    assert utterances[0].wav == f"{tmp_path}/one/anna-1.wav"


@pytest.mark.parametrize("names", [("anna-1", "ben-1"), ("anna-1", "anna-2", "anna-3")])
def test_other_figures_than_the_published_are_an_error_with_both_and_the_setting(tmp_path, names):
    num_speakers = len({name[0] for name in names})
    with pytest.raises(DataDirError) as error:
        tiny(tmp_path, names).utterances("one")
    assert str(error.value) == (
        f"tiny.one: {len(names)} utterances of {num_speakers} speakers in {tmp_path}; published"
        " are 3 of 2. Set data.corpora.tiny.partial: true to use what is there."
    )
    assert len(tiny(tmp_path, names, partial=True).utterances("one")) == len(names)


def test_a_part_without_a_recording_is_an_error_even_if_partial(tmp_path):
    (tmp_path / "one").mkdir()
    with pytest.raises(DataDirError, match="tiny.one: no recording in"):
        tiny(tmp_path, (), partial=True).utterances("one")


def test_two_files_of_one_utterance_are_both_named(tmp_path):
    corpus = tiny(tmp_path, partial=True)
    corpus.recordings = lambda part: [
        Recording("a-1", "a", "x/a.wav"),
        Recording("a-1", "a", "y.wav"),
    ]
    with pytest.raises(DataDirError) as error:
        corpus.utterances("one")
    assert "a-1: x/a.wav and y.wav" in str(error.value)


@pytest.mark.parametrize("name", ["a 1", "a\n1", "a|1", "a\udcff1", ""])
def test_names_that_break_a_table_are_refused(tmp_path, name):
    corpus = tiny(tmp_path, partial=True)
    corpus.recordings = lambda part: [Recording(name, "a", f"{name}.wav")]
    with pytest.raises(DataDirError, match="1 names do not fit|2 names do not fit"):
        corpus.utterances("one")


def test_damaged_files_are_named_together_with_what_to_do(tmp_path):
    corpus = tiny(tmp_path)
    (tmp_path / "one/anna-1.wav").write_bytes(b"")
    cut = tmp_path / "one/ben-1.wav"
    cut.write_bytes(cut.read_bytes()[:4000])
    with pytest.raises(AudioError) as error:
        corpus.utterances("one")
    said = str(error.value)
    assert said.startswith("tiny.one: 2 of 3 recordings cannot be read: ")
    assert f"{tmp_path}/one/anna-1.wav (empty" in said
    assert f"{cut} (truncated" in said
    assert "set data.corpora.tiny.exclude" in said
    assert len(said.splitlines()) == 1


def test_excluded_utterances_are_left_out_and_counted(tmp_path):
    lists = write_lines(tmp_path / "bad_utts", "anna-2", "unheard-of")
    corpus = tiny(tmp_path, exclude=str(lists))
    (tmp_path / "one/anna-2.wav").write_bytes(b"")
    assert [u.utt for u in corpus.utterances("one")] == ["anna-1", "ben-1"]
    assert corpus.notes == ["1 of 3 utterances excluded"]


@pytest.mark.parametrize(
    ("take", "taken"), [("last", ["anna-2", "ben-1"]), ("others", ["anna-1", "anna-3", "cleo-0"])]
)
def test_a_split_has_the_same_speakers_and_shares_no_utterance(tmp_path, take, taken):
    names = ("anna-1", "anna-2", "anna-3", "ben-0", "ben-1", "cleo-0")
    corpus = tiny(tmp_path, names, partial=True, split=SplitConfig(every=2, take=take))
    ben = ["ben-0"] if take == "others" else []
    assert [u.utt for u in corpus.utterances("one")] == sorted([*taken, *ben])


def test_other_rates_and_stereo_are_errors_until_a_setting_accepts_them(tmp_path):
    tiny(tmp_path)
    write_wav(tmp_path / "one/anna-1.wav", rate_hz=8000)
    write_wav(tmp_path / "one/anna-2.wav", num_channels=2)
    with pytest.raises(AudioError) as error:
        Tiny("tiny", Tiny.Config(root=str(tmp_path))).utterances("one")
    assert "anna-1.wav has 8000 Hz. Set data.corpora.tiny.resample: true" in str(error.value)
    assert "anna-2.wav has 2 channels. Set data.corpora.tiny.channel" in str(error.value)
    corpus = Tiny("tiny", Tiny.Config(root=str(tmp_path), resample=True, channel=2))
    entries = [u.wav.partition(" -b")[0] for u in corpus.utterances("one")]
    assert entries[0] == f"sox {tmp_path}/one/anna-1.wav -r 16000"
    assert entries[2] == f"{tmp_path}/one/ben-1.wav"
    assert corpus.notes == [
        "1 of 3 recordings converted to 16000 Hz",
        "1 of 3 recordings with several channels reduced to channel 2",
    ]


def test_a_prefix_keeps_two_corpora_apart(tmp_path):
    trials = write_lines(tmp_path / "trials", "1 anna-1 anna-2", "0 anna-1 ben-1")
    corpus = tiny(tmp_path, id_prefix="t-", trials={"mine": OwnTrials(file=str(trials))})
    utterances = corpus.utterances("one")
    assert (utterances[0].utt, utterances[0].spk) == ("t-anna-1", "t-anna")
    found = corpus.trials("mine", {u.utt for u in utterances})
    assert found == [("t-anna-1", "t-anna-2", True), ("t-anna-1", "t-ben-1", False)]


def test_an_entry_that_does_not_fit_its_type_is_answered_key_by_key():
    with pytest.raises(ConfigError) as error:
        load_corpus("vox", {"type": "voxceleb1", "prtial": True, "resample": 1, "root": "x"})
    assert str(error.value).splitlines() == [
        "unknown key 'data.corpora.vox.prtial'. Did you mean 'partial'? Known: channel, exclude,"
        " exclude_speakers, id_prefix, partial, resample, root, sample_rate_hz, shell_pipes,"
        " split, trials.",
        "'data.corpora.vox.resample' is 1; it must be true or false.",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"root": "x", "type": "voxceleb3"}, "'data.corpora.c.type' is 'voxceleb3'. Did you mean"
                                             " 'voxceleb2'? Known: "),
        ({"type": "musan"}, "'data.corpora.c.root' is missing."),
        ({"type": "musan", "root": "x", "sample_rate_hz": "8k"}, "is '8k'; it must be a whole"),
        ({"type": "musan", "root": "x", "sample_rate_hz": True}, "is True; it must be a whole"),
        ({"type": "musan", "root": "x", "channel": "left"}, "'data.corpora.c.channel' is 'left'"),
        ({"type": "musan", "root": "x", "channel": 0}, "it must be 1, 2, ..., mix or all."),
        ({"type": "musan", "root": "x", "trials": {"a": "list"}},
         "'data.corpora.c.trials.a' is 'list'; it must be a section of keys."),
        ({"type": "musan", "root": "x", "trials": {"a": {"prefix": "p"}}},
         "'data.corpora.c.trials.a.file' is missing."),
        ({"type": "musan", "root": "x", "trials": {"a": {"file": "f", "perfix": "p"}}},
         "unknown key 'data.corpora.c.trials.a.perfix'. Did you mean 'prefix'?"),
    ],
)  # fmt: skip
def test_a_wrong_option_names_its_key(options, said):
    with pytest.raises(ConfigError) as error:
        load_corpus("c", options)
    assert said in str(error.value)


def test_every_type_builds_and_says_what_it_expects():
    types = CORPORA.names()
    assert {"voxceleb1", "voxceleb2", "librispeech", "musan", "rirs_noises"} <= set(types)
    assert {"folder", "sounds", "kaldi_dir"} <= set(types)
    for name in types:
        corpus = load_corpus(name, {"root": "/nowhere"})
        message = corpus.missing(corpus.parts())
        assert message.startswith(f"data.corpora.{name}.root: /nowhere is not a folder.")
        assert len(message.splitlines()) > 3, "the expected layout and the source"
        with pytest.raises(ConfigError, match="/nowhere"):
            corpus.utterances(corpus.parts()[0])


def data_section(tmp_path, **corpora_entries):
    entries = {"speech": {"type": "folder", "root": str(tmp_path)}, **corpora_entries}
    return {
        "corpora": entries,
        "sets": {"train": ["speech.all"], "dev": ["speech.all"]},
        "trials": {},
    }


def test_nothing_is_said_where_nothing_is_missing(tmp_path):
    assert missing_corpora(data_section(tmp_path)) is None


def test_all_that_is_missing_is_said_at_once(tmp_path):
    data = data_section(
        tmp_path,
        voxceleb1={"root": "/none/vox1"},
        voxceleb2={"root": str(tmp_path)},
        musan={"root": "/none/unused"},
    )
    data["sets"]["test"] = ["voxceleb1.test", "voxceleb2.dev"]
    said = missing_corpora(data)
    assert "data.corpora.voxceleb1.root: /none/vox1 is not a folder." in said
    assert "dev/wav/id10001/1zcIwhmdeo4/00001.wav" in said
    assert f"data.corpora.voxceleb2.root: part 'dev' is not in {tmp_path}" in said
    assert "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/" in said
    assert "musan" not in said
    assert "musan" in missing_corpora(data, ["musan.noise"])


def test_a_missing_trial_list_is_found_before_the_first_job(tmp_path):
    (tmp_path / "test/wav").mkdir(parents=True)
    data = data_section(tmp_path, voxceleb1={"root": str(tmp_path)})
    data["trials"] = {"vox1_h": {"corpus": "voxceleb1", "enroll": "dev", "test": "dev"}}
    assert "trial list 'vox1_h' is not there" in missing_corpora(data)
    assert "list_test_hard.txt" in missing_corpora(data)
    write_lines(tmp_path / "meta/list_test_hard.txt", "1 a b")
    assert missing_corpora(data) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["sets"].update(test=["spech.all"]),
         "data.sets.test: there is no corpus 'spech' in data.corpora. Did you mean 'speech'?"),
        (lambda data: data["sets"].update(test=["speech.al"]),
         "data.corpora.speech: unknown part 'al'. Did you mean 'all'?"),
        (lambda data: data["trials"].update(dev={"corpus": "speech"}),
         "data.corpora.speech: unknown trial list 'dev'. Known: none."),
        (lambda data: data["trials"].update(dev={"corpus": "vox"}),
         "data.trials.dev.corpus: there is no corpus 'vox'"),
    ],
)  # fmt: skip
def test_names_that_no_corpus_has_are_errors_before_the_first_job(tmp_path, change, said):
    data = data_section(tmp_path)
    change(data)
    with pytest.raises(ConfigError) as error:
        missing_corpora(data)
    assert said in str(error.value)


def test_one_file_in_the_recipe_is_all_that_a_new_corpus_needs(tmp_path, monkeypatch):
    """The example of local/README.md, taken from there and run."""
    text = (ROOT / "local/README.md").read_text()
    (tmp_path / "local").mkdir()
    (tmp_path / "local/mycorpus.py").write_text(text.split("```python\n")[1].split("```")[0])
    monkeypatch.setenv(own_parts.VARIABLE, str(tmp_path))
    write_wav(tmp_path / "corpus/train/anna/1.wav")
    write_wav(tmp_path / "corpus/train/ben/1.wav")
    corpus = load_corpus(
        "mycorpus", json.loads(f'{{"root": "{tmp_path}/corpus", "partial": true}}')
    )
    assert [(u.utt, u.spk) for u in corpus.utterances("train")] == [
        ("anna-1", "anna"), ("ben-1", "ben")
    ]  # fmt: skip
