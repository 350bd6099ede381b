"""Training on an NVIDIA GPU equals training on a CPU, for all precisions, layouts and decodings."""

import math

import numpy as np
import pytest
import torch

from steps_py.embeddings.config import XvectorsConfig
from steps_py.embeddings.xvectors import extract_xvectors, open_features
from steps_py.feats.on_device import DeviceFeatures
from steps_py.feats.types.mfcc import Mfcc, MfccConfig
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import load_extractor
from tests.feats.test_features_on_device import FRAMES, MELS, audio
from tests.support.small_training import (
    assert_same,
    result,
    run_cut_off,
    small_run,
    small_sections,
    write_small_chunks,
)
from tests.training.test_non_finite import column, spoil

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]
SGD = {"name": "sgd", "lr": 0.05}
MODELS = {
    "tdnn": ModelConfig(
        encoder={"name": "tdnn", "hidden_dim": 16, "out_dim": 24},
        pooling={"name": "stats"},
        embedding_dim=512,
    ),
    "ecapa": ModelConfig(
        encoder={"name": "ecapa_tdnn", "hidden_dim": 16, "out_dim": 24, "res2_scale": 2},
        pooling={"name": "attentive_stats"},
        embedding_dim=512,
    ),
    "resnet": ModelConfig(
        encoder={"name": "resnet", "depth": 18, "base_dim": 4},
        pooling={"name": "stats"},
        embedding_dim=512,
    ),
}


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    return write_small_chunks(tmp_path_factory.mktemp("gpu"))


def learn(chunks_dir, out_dir, **train):
    """Train until seven speakers are separated; returns the last row of epochs.tsv."""
    sections = small_sections(**{"num_epochs": 6, "steps_per_epoch": 20, "optimizer": SGD} | train)
    small_run(chunks_dir, out_dir, sections)
    names, *_, last = result(out_dir)[1]
    return dict(zip(names, last, strict=True))


@pytest.mark.parametrize("decode", ["host", "device", "resident"])
def test_float32_gives_the_weights_of_a_cpu(chunks_dir, tmp_path, decode):
    for device in ("cpu", "cuda"):
        sections = small_sections(device=device, precision="float32", decode=decode)
        small_run(chunks_dir, tmp_path / device, sections)
    on_cpu, on_gpu = (result(tmp_path / device)[0] for device in ("cpu", "cuda"))
    for name, weight in on_gpu.items():
        torch.testing.assert_close(weight.cpu(), on_cpu[name], atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("precision", ["bf16", "fp16", "float32"])
def test_every_precision_learns(chunks_dir, tmp_path, precision):
    row = learn(chunks_dir, tmp_path, precision=precision)
    assert float(row["train_accuracy"]) > 0.9
    assert row["skipped_steps"] == "0"


@pytest.mark.parametrize(
    "changed",
    [
        {"optimizer": {"name": "sam", "inner": SGD}, "precision": "fp16"},
        {"optimizer": {"name": "lookahead", "inner": {"name": "radam", "lr": 0.01}}},
        {"average": {"name": "ema", "decay": 0.9}, "mix": {"name": "cutmix", "probability": 0.2}},
    ],
    ids=["sam", "lookahead", "ema-cutmix"],
)
def test_options_that_change_steps_learn(chunks_dir, tmp_path, changed):
    row = learn(chunks_dir, tmp_path, **changed)
    assert float(row["train_accuracy"]) > 0.6
    assert row["skipped_steps"] == "0"


@pytest.mark.parametrize(
    "model, compiled", [("tdnn", False), ("ecapa", False), ("resnet", False), ("tdnn", True)]
)
def test_encoders_train_and_extract_as_on_a_cpu(chunks_dir, tmp_path, model, compiled):
    sections = small_sections(model=MODELS[model], compile=compiled)
    small_run(chunks_dir, tmp_path, sections)
    features, num_voiced_U = open_features(
        chunks_dir.parent / "data/feats.scp", chunks_dir.parent / "data/vad.scp", sections["cmvn"]
    )
    config = XvectorsConfig(min_chunk_frames=15)
    found = {}
    for device in ("cpu", "cuda"):
        extractor = load_extractor(tmp_path / "final.pt")
        module = extractor.model.to(device)
        device = torch.device(device)
        found[device.type] = dict(extract_xvectors(module, features, num_voiced_U, config, device))
    for utt, expected_E in found["cpu"].items():
        error = np.linalg.norm(found["cuda"][utt] - expected_E) / np.linalg.norm(expected_E)
        assert error < 5e-3, utt


def test_repeatedly_stopped_training_gives_bit_identical_weights(chunks_dir, tmp_path):
    sections = small_sections(checkpoint_minutes=1e-9)
    small_run(chunks_dir, tmp_path / "undisturbed", sections)
    run_cut_off(chunks_dir, tmp_path / "cut_off", sections, [1, 3, 2, 4])
    assert_same(tmp_path / "cut_off", result(tmp_path / "undisturbed"))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_step_that_is_not_finite_is_skipped_and_counted(chunks_dir, tmp_path, precision):
    sections = small_sections(precision=precision, decode="host")
    small_run(chunks_dir, tmp_path, sections, spoil({4, 8}))
    assert column(tmp_path, "skipped_steps") == ["1", "1"]
    assert all(weight.isfinite().all() for weight in result(tmp_path)[0].values())
    assert math.isfinite(float(column(tmp_path, "train_loss")[-1]))


def test_features_equal_those_of_a_cpu():
    config = MfccConfig(frames=FRAMES, mel=MELS, num_ceps=30)
    audio_BN = audio()
    features = DeviceFeatures(config).cuda()
    x_BTD = features(torch.from_numpy(audio_BN).cuda()).cpu().numpy()
    expected = np.stack([Mfcc(config).compute(x_N) for x_N in audio_BN])
    np.testing.assert_allclose(x_BTD, expected, atol=5e-3, rtol=1e-4)
