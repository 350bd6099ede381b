"""Kaldi's x-vector network of tests/golden/kaldi, its weights put into ours."""

import re
from pathlib import Path

import torch

from steps_py.model import losses  # noqa: F401 - they register
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.registries import LOSSES

GOLDEN = Path(__file__).parents[1] / "golden/kaldi"
CONFIG = ModelConfig(
    encoder={"name": "tdnn", "hidden_dim": 24, "out_dim": 40},
    embedding_dim=32,
    pooling={"name": "stats"},
)


def read_components(path=GOLDEN / "inputs/xvector_raw.txt"):
    """{component: {parameter: float32 tensor}} of a raw nnet3 model in text form."""
    components = {}
    for part in path.read_text().split("<ComponentName> ")[1:]:
        name = part.split()[0]
        for field, body in re.findall(r"<(\w+)>\s+\[([^\]]*)\]", part):
            rows = [[float(x) for x in row.split()] for row in body.strip().split("\n")]
            tensor = torch.tensor(rows)
            components.setdefault(name, {})[field] = tensor if len(rows) > 1 else tensor[0]
    return components


def affine_state(prefix, component):
    return {
        f"{prefix}.weight": component["LinearParams"],
        f"{prefix}.bias": component["BiasParams"],
    }


def norm_state(prefix, component):
    return {
        f"{prefix}.running_mean": component["StatsMean"],
        f"{prefix}.running_var": component["StatsVar"],
    }


def build_network():
    """Our network and softmax head with Kaldi's weights, in eval mode."""
    kaldi = read_components()
    state = affine_state("embedding", kaldi["tdnn6.affine"])
    for i in range(5):
        state |= affine_state(f"encoder.layers.{i}.affine", kaldi[f"tdnn{i + 1}.affine"])
        state |= norm_state(f"encoder.layers.{i}.norm", kaldi[f"tdnn{i + 1}.batchnorm"])
    model = build_model(CONFIG, feat_dim=30)
    load_all(model, state)

    head = LOSSES.build({"name": "softmax", "hidden_dim": 32}, in_dim=32, num_speakers=10)
    state = norm_state("layers.1", kaldi["tdnn6.batchnorm"])
    state |= affine_state("layers.2", kaldi["tdnn7.affine"])
    state |= norm_state("layers.4", kaldi["tdnn7.batchnorm"])
    state |= affine_state("layers.5", kaldi["output.affine"])
    load_all(head, state)
    return model.eval(), head.eval()


def load_all(module, state):
    """Strict but for the batch counters, which Kaldi has no counterpart of."""
    counters = {k: v for k, v in module.state_dict().items() if k.endswith("num_batches_tracked")}
    module.load_state_dict(state | counters, strict=True)
