"""Exported networks compute what the network computes, at any length; what cannot be, is named."""

import importlib.util
import json

import numpy as np
import onnx
import pytest
import torch

from steps_py import load_system
from steps_py.errors import ConfigError, StepsError
from steps_py.export import export as export_module
from steps_py.export.export import export_system, format_of, largest_difference
from steps_py.export.formats.onnx import Onnx
from steps_py.export.formats.pt2 import Pt2
from tests.support.small_extractor import write_model
from tests.support.small_system import write_system


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    folder = tmp_path_factory.mktemp("system")
    return load_system(write_system(folder / "system.swx", write_model(folder)))


@pytest.mark.parametrize("suffix", [pytest.param(".onnx", marks=pytest.mark.slow), ".pt2"])
def test_an_exported_network_gives_the_same_x_vectors_at_any_length(system, tmp_path, suffix):
    path = str(tmp_path / f"made/network{suffix}")  # in a folder that is not there yet
    found = export_system(system, path, format_of(path))
    assert found.difference <= 1e-4
    assert [entry.name for entry in (tmp_path / "made").iterdir()] == [f"network{suffix}"]
    compute = format_of(path).open(path)
    x_BTD = 3 * np.random.default_rng(5).standard_normal((1, 311, 8), np.float32)
    with torch.inference_mode():
        expected_BE = system.embedder.network(torch.from_numpy(x_BTD)).numpy()
    np.testing.assert_allclose(compute(x_BTD), expected_BE, rtol=1e-4, atol=1e-5)
    if suffix == ".onnx":
        facts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    else:
        extra = {"facts.json": ""}
        torch.export.load(path, extra_files=extra)
        facts = json.loads(extra["facts.json"])
    assert float(facts["sample_rate_hz"]) == 8000
    assert facts["system_sha256"] == system.digest


def test_a_file_that_computes_something_else_is_not_kept(system, tmp_path, monkeypatch):
    monkeypatch.setattr(Pt2, "open", lambda path: lambda x_BTD: np.zeros((1, 6), np.float32))
    with pytest.raises(StepsError, match="computes something else than the network of"):
        export_system(system, str(tmp_path / "network.pt2"), Pt2)
    assert not list(tmp_path.iterdir())


def test_the_difference_is_relative_to_large_numbers():
    x_BTD = np.ones((1, 5, 3))
    pairs = [(x_BTD, np.full((1, 3), 1000.0))]
    assert largest_difference(lambda x: np.full((1, 3), 1000.0), pairs) == 0
    assert largest_difference(lambda x: np.full((1, 3), 999.0), pairs) == pytest.approx(1e-3)
    assert largest_difference(lambda x: np.full((1, 2), 1000.0), pairs) == np.inf
    assert largest_difference(lambda x: np.full((1, 3), np.nan), pairs) == np.inf


@pytest.mark.parametrize("suffix", [".onnx", ".pt2", ".ts"])
def test_a_network_of_one_length_is_refused_by_name(system, tmp_path, monkeypatch, suffix):
    class OfItsExample(torch.nn.Module):
        embedding_dim = 6

        def forward(self, x_BTD):
            return x_BTD[:, :, :6].mean(dim=1) * int(x_BTD.shape[1])

    monkeypatch.setattr(system._embedder, "_model", OfItsExample())
    path = str(tmp_path / f"network{suffix}")
    with pytest.raises(StepsError, match=r"system\.swx"):
        export_system(system, path, format_of(path))
    assert not list(tmp_path.iterdir())


def test_an_lstm_is_refused_by_the_format_that_would_unroll_it(system, tmp_path, monkeypatch):
    class Last(torch.nn.Module):
        embedding_dim = 6

        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(8, 6, batch_first=True)

        def forward(self, x_BTD):
            return self.lstm(x_BTD)[0][:, -1]

    monkeypatch.setattr(system._embedder, "_model", Last())
    found = export_system(system, str(tmp_path / "network.onnx"), Onnx)
    assert found.difference < 1e-5
    with pytest.raises(StepsError, match=r"an LSTM is unrolled .* Write \.onnx"):
        export_system(system, str(tmp_path / "network.pt2"), Pt2)


def test_unknown_suffixes_and_missing_packages_are_named(system, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"'\.onx' is the suffix of no format. Did you mean"):
        format_of("network.onx")
    monkeypatch.setattr(
        export_module.importlib.util,
        "find_spec",
        lambda name, find=importlib.util.find_spec: None if name == "onnx" else find(name),
    )
    with pytest.raises(StepsError, match=r"needs onnx, which is optional: pip install"):
        export_system(system, "network.onnx", format_of("network.onnx"))
