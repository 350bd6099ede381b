"""Engines compute what the network computes; files of others and missing packages are named."""

import numpy as np
import pytest
import torch

from steps_py.embeddings import config as config_module
from steps_py.embeddings.config import XvectorsConfig
from steps_py.embeddings.engines import ENGINES
from steps_py.embeddings.layers import of_layer
from steps_py.errors import ConfigError, StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.formats.kaldi_io_tables import read_vectors
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import Extractor, save_extractor
from steps_py.stages import export_network, extract_xvectors
from tests.support.small_features import write_data_dir

MODEL = ModelConfig(
    encoder={"name": "tdnn", "hidden_dim": 8, "out_dim": 12},
    pooling={"name": "stats"},
    inner_dim=5,
    embedding_dim=6,
)
LENGTHS = 30, 64, 130


def write_network(path, seed):
    torch.manual_seed(seed)
    model = build_model(MODEL, feat_dim=4).eval()
    save_extractor(path, Extractor(model=model, config=MODEL, feat_dim=4, cmvn=CmvnConfig()))
    return model


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Features, two networks, and the inner and outer embedding of the first as an ONNX file."""
    folder, rng = tmp_path_factory.mktemp("engines"), np.random.default_rng(3)
    write_data_dir(
        folder / "data",
        {
            f"utt{row}": ("spk", rng.standard_normal((num, 4), np.float32), np.ones(num, bool))
            for row, num in enumerate(LENGTHS)
        },
    )
    for name, seed in (("final.pt", 1), ("other.pt", 2)):
        write_network(folder / name, seed)
    config = '{"engine": "onnxruntime", "layer": "both"}'
    files = "--model", str(folder / "final.pt"), "--out", str(folder / "network.onnx")
    export_network.main(["--config", config, *files])
    return folder


def extract(made, out, engine, exported=None, model="final.pt"):
    ark, scp = out / f"{engine}.ark", out / f"{engine}.scp"
    extract_xvectors.main(
        [
            *("--config", f'{{"engine": "{engine}", "layer": "both", "max_chunk_frames": 100}}'),
            *("--model", str(made / model), "--feats", str(made / "data/feats.scp")),
            *("--vad", str(made / "data/vad.scp"), "--out-ark", str(ark), "--out-scp", str(scp)),
            *(("--exported", str(exported)) if exported else ()),
        ]
    )
    return read_vectors(scp)


def test_onnxruntime_extracts_the_x_vectors_of_the_default_engine(made, tmp_path):
    """Also of an utterance that is split into chunks of 100 and 30 frames."""
    expected = extract(made, tmp_path, "eager")
    found = extract(made, tmp_path, "onnxruntime", made / "network.onnx")
    assert list(found) == [f"utt{row}" for row in range(len(LENGTHS))]
    for utt, xvector_E in expected.items():
        assert xvector_E.shape == (11,)
        np.testing.assert_allclose(found[utt], xvector_E, rtol=1e-4, atol=1e-5)


def test_padding_of_a_batch_changes_nothing(made):
    model = write_network(made / "again.pt", 1)
    network = ENGINES.find("onnxruntime").open(of_layer(model, "both"), made / "network.onnx")
    x_BTD, num_frames_B = torch.randn(2, 60, 4), torch.tensor([60, 41])
    with torch.inference_mode():
        alone_BE = torch.cat([network(x_BTD[:1]), network(x_BTD[1:, :41])])
        torch.testing.assert_close(network(x_BTD, num_frames_B), alone_BE)
        torch.testing.assert_close(
            network(x_BTD), ENGINES.find("eager").open(of_layer(model, "both"), None)(x_BTD)
        )


def test_a_file_of_another_network_is_refused(made, tmp_path):
    with pytest.raises(StepsError, match=r"network\.onnx: computes something else than the netw"):
        extract(made, tmp_path, "onnxruntime", made / "network.onnx", model="other.pt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [None, b"not a network"])
def test_a_file_that_is_missing_or_damaged_is_named(made, tmp_path, content):
    path = tmp_path / "network.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StepsError, match=r"network\.onnx: is no ONNX network that onnxruntime"):
        extract(made, tmp_path, "onnxruntime", path)


def test_an_engine_without_its_file_its_packages_or_a_cpu_is_refused(made, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="give it as --exported"):
        extract(made, tmp_path, "onnxruntime")
    with pytest.raises(ConfigError, match="which computes on a CPU, but 'xvectors.device' is cuda"):
        XvectorsConfig(engine="onnxruntime", device="cuda")
    monkeypatch.setitem(config_module.ENGINE_PACKAGES, "onnxruntime", ("onnx", "no_such_package"))
    with pytest.raises(ConfigError) as error:
        extract(made, tmp_path, "onnxruntime", made / "network.onnx")
    assert str(error.value) == (
        "xvectors.engine is onnxruntime, which needs no_such_package: pip install"
        " 'sidewinder[export]', or set xvectors.engine to eager."
    )


def test_every_engine_has_its_packages_named():
    assert sorted(config_module.ENGINE_PACKAGES) == ENGINES.names()
