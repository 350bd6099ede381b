"""final.pt and head.pt: damage, other kinds and other formats are errors."""

import re
import zipfile

import pytest
import torch

from steps_py.errors import StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.model import model_file
from steps_py.model.build import (
    build_model,
)
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import Extractor, load_extractor, save_extractor
from steps_py.model.model_file import read_model_file, write_model_file

CONFIG = ModelConfig(
    encoder={"name": "tdnn", "hidden_dim": 4, "out_dim": 6},
    pooling={"name": "stats"},
    embedding_dim=3,
)
FRONT_END = FrontEnd(type="mfcc", conf="--num-ceps=4\n", vad_conf="")


def make_extractor():
    torch.manual_seed(0)
    model = build_model(CONFIG, feat_dim=4).eval()
    return Extractor(model=model, config=CONFIG, feat_dim=4, cmvn=CmvnConfig(), front_end=FRONT_END)


@pytest.fixture
def final(tmp_path):
    save_extractor(tmp_path / "final.pt", make_extractor())
    return tmp_path / "final.pt"


def refused(path, messages):
    with pytest.raises(StepsError, match=messages) as error:
        load_extractor(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_what_was_saved_is_loaded(final):
    loaded, saved = load_extractor(final), make_extractor()
    assert (loaded.config, loaded.cmvn, loaded.front_end) == (CONFIG, CmvnConfig(), FRONT_END)
    ours, theirs = loaded.model.state_dict(), saved.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_file_is_one_of_pytorch_and_a_zip_archive(final):
    assert torch.load(final, weights_only=True)["format"] == model_file.FORMAT
    assert zipfile.ZipFile(final).comment.startswith(b"sidewinder model format 2 sha256 ")


def test_any_flipped_byte_is_detected(final):
    data = final.read_bytes()
    places = [*range(0, len(data), max(1, len(data) // 150)), *range(len(data) - 120, len(data))]
    for place in places:
        for bit in (0x01, 0x40):
            damaged = bytearray(data)
            damaged[place] ^= bit
            final.write_bytes(damaged)
            refused(final, "is damaged or not a model of sidewinder")


@pytest.mark.parametrize("size", [0, 1, 10, 1000, -200, -100, -30, -1])
def test_a_truncated_file_is_detected(final, size):
    final.write_bytes(final.read_bytes()[:size])
    refused(final, "is damaged or not a model of sidewinder")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + data,
        lambda data: data + b"\n",
        lambda data: data + bytes(500),
        lambda data: data[: len(data) // 2] + data[len(data) // 2 + 1 :],
        lambda data: bytes(len(data)),
        lambda data: b"hello\n",
        lambda data: b"PK not a model",
        lambda data: b"\x80\x02}q\x00.",
        lambda data: data.replace(b"\n", b"\r\n"),
    ],
    ids=[
        "twice",
        "newline",
        "zeros_behind",
        "byte_missing",
        "zeros",
        "text",
        "zip_by_name",
        "pickle",
        "crlf",
    ],
)
def test_a_file_that_is_something_else_is_refused(final, change):
    final.write_bytes(change(final.read_bytes()))
    refused(final, "is damaged or not a model of sidewinder")


def test_a_missing_file_is_an_error(tmp_path):
    refused(tmp_path / "final.pt", "cannot be read: No such file")
    refused(tmp_path, "cannot be read: Is a directory")


def test_a_newer_format_is_refused_by_its_number(final, monkeypatch):
    monkeypatch.setattr(model_file, "FORMAT", 7)
    save_extractor(final, make_extractor())
    monkeypatch.undo()
    refused(final, "has format 7, but this version of sidewinder reads formats up to")


def test_a_head_is_not_accepted_as_a_model(tmp_path):
    write_model_file(tmp_path / "head.pt", "head", {"loss": {}, "speakers": []})
    refused(tmp_path / "head.pt", "is a file of kind 'head', not 'model'")


def test_weights_that_are_not_finite_are_refused(final):
    extractor = make_extractor()
    extractor.model.embedding.bias.data[1] = float("nan")
    save_extractor(final, extractor)
    refused(final, re.escape("weights are not finite (embedding.bias)"))


def test_a_network_unknown_to_this_version_is_an_error(final):
    content, _ = read_model_file(final, "model")
    content["config"]["encoder"]["name"] = "next_network"
    write_model_file(final, "model", content | {"version": "9.9"})
    refused(final, "was written by version 9.9 and holds what this version, .*next_network")


def test_a_file_of_the_former_format_is_read_with_a_warning(final, capsys):
    content, _ = read_model_file(final, "model")
    torch.save({k: v for k, v in content.items() if k not in ("format", "front_end")}, final)
    assert load_extractor(final).front_end is None
    assert "final.pt: has format 1, without a digest" in capsys.readouterr().err


def test_a_damaged_head_is_an_error(tmp_path):
    path = tmp_path / "head.pt"
    write_model_file(path, "head", {"loss": {"w": torch.ones(50)}, "speakers": ["anna"]})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(StepsError, match=r"head\.pt: is damaged"):
        read_model_file(path, "head")
