"""Weights in 8 bits, and what they cost."""

import json

import numpy as np
import onnx
import pytest

from steps_py import load_system
from steps_py.data.trials import Trial, Trials
from steps_py.errors import ConfigError, DataDirError
from steps_py.export.cost import File, cost_on_trials
from steps_py.export.export import export_int8
from steps_py.export.formats.onnx import Onnx
from steps_py.export.formats.pt2 import Pt2
from steps_py.sidewinder.__main__ import main
from tests.support.small_extractor import write_model, write_recording
from tests.support.small_system import write_system

SIDES = ("a", "b", "c", "d")
TRIALS = Trials.of([Trial("a", "b", True), Trial("a", "c", False), Trial("b", "d", False)])


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    path = write_system(folder / "system.swx", write_model(folder, "fbank", more="--dither=0\n"))
    wavs = {k: str(write_recording(folder / f"{k}.wav", seed=n)) for n, k in enumerate(SIDES)}
    return load_system(path), wavs


def test_weights_are_bytes_and_the_steps_before_the_network_are_not(material, tmp_path):
    system, wavs = material
    path = tmp_path / "system.onnx"
    cost = export_int8(system, str(path), Onnx, True, TRIALS, wavs)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["system.onnx", "system.onnx.json"]
    assert json.loads((tmp_path / "system.onnx.json").read_text()) == cost
    assert cost["least_cosine"] > 0.99 and cost["int8_bytes"] == path.stat().st_size
    kinds = {onnx.TensorProto.DataType.Name(x.data_type) for x in onnx.load(path).graph.initializer}
    assert {"UINT8", "DOUBLE"} <= kinds
    rates = {name: found["eer_percent"] for name, found in cost["trials"].items()}
    assert rates.keys() == {"system", "float32", "int8"}
    assert cost["trials"]["float32"]["least_cosine"] > 0.999


def test_the_error_rate_is_that_of_the_vectors_of_each_file(material):
    system, wavs = material
    swapped = {"a": 0, "b": 0, "c": 1, "d": 1}
    vectors = iter(np.eye(2, 6)[[swapped[side] for side in TRIALS.sides]])
    files = {"mine": File(wavs["a"], lambda x_BTD: next(vectors)[None], False)}
    found = cost_on_trials(system, files, TRIALS, wavs)["mine"]
    same, other = np.eye(2, 6)
    score = system.chain().score_pairs(
        np.array([same]), np.array([same, other]), np.array([0, 0]), np.array([0, 1])
    )
    assert found["eer_percent"] == (0 if score[0] > score[1] else 100)


def test_a_trial_of_an_unknown_recording_is_named(material):
    system, wavs = material
    trials = Trials.of([Trial("a", "nobody", True)])
    with pytest.raises(DataDirError, match=r"1 of 2 names are not among .* \(nobody\)"):
        cost_on_trials(system, {}, trials, wavs)


def test_formats_without_it_and_options_that_need_each_other_are_refused(
    material, tmp_path, capsys
):
    system, _ = material
    with pytest.raises(ConfigError, match="--int8 is of other formats"):
        export_int8(system, str(tmp_path / "n.pt2"), Pt2)
    assert main(["export", system.path, "n.onnx", "--int8", "--trials", "list"]) == 1
    assert "--trials and --recordings are given together" in capsys.readouterr().err
