"""Enrolments of several utterances: the table of models, checked."""

import pytest

from steps_py.data.data_dir import read_table
from steps_py.data.models import read_models, write_models
from steps_py.errors import DataDirError


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "dev"
    folder.mkdir()
    (folder / "utt2spk").write_text("a1 ann\na2 ann\nb1 bob\n")
    (folder / "utt2dur").write_text("a1 1.5\na2 2\nb1 3\n")
    return folder


def write(data, text):
    (data.parent / "models").write_text(text)
    path = data.parent / "models"
    return write_models(read_models(path), data, data.parent / "out", path)


def test_models_become_a_data_directory(data):
    assert write(data, "ann-one a1\n\nann-two a2 a1\nbob b1\n") == 3
    out = data.parent / "out"
    assert read_table(out / "spk2utt") == {"ann-one": "a1", "ann-two": "a2 a1", "bob": "b1"}
    assert read_table(out / "utt2spk") == {"ann-one": "ann", "ann-two": "ann", "bob": "bob"}
    assert read_table(out / "utt2dur")["ann-two"] == "3.5000"


@pytest.mark.parametrize(
    "text, words",
    [
        ("m a1 b1\n", r"utterances of 1 models have several speakers \(m\)"),
        ("m a1 a9\n", r"1 utterances are not in .*utt2spk \(a9\)"),
        ("m a1\nm a2\n", "models:2: the model 'm' comes twice"),
        ("m a1 a1\n", "models:1: the model 'm' has an utterance twice"),
        ("m\n", "models:1: the model 'm' has no utterance"),
        ("\n", "no model in it"),
    ],
)
def test_a_table_that_makes_no_models_is_refused(data, text, words):
    with pytest.raises(DataDirError, match=words):
        write(data, text)
    assert not (data.parent / "out").exists()
