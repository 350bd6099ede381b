"""Encoders have the published numbers of weights: tests/golden/parameters, on the meta device."""

import csv
from pathlib import Path

import pytest
import torch

from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.registries import ENCODERS

TABLE = Path(__file__).parents[1] / "golden/parameters/published_sizes.tsv"
ROWS = {row["name"]: row for row in csv.DictReader(TABLE.open(), delimiter="\t")}
STATS = {"name": "stats"}
ASP = {"name": "attentive_stats", "global_context": False}

# name in the table -> encoder, pooling, and weights of the table's network that ours has not
CONFIGS = {
    "CAMPPlus (emb192)": ({"name": "campplus"}, STATS, -192),
    "CAM++ (emb192)": ({"name": "campplus"}, STATS, -192),
    "D-TDNN (feat 30, emb512)": ({"name": "d_tdnn"}, STATS, -512),
    "D-TDNN (feat 80, emb512)": ({"name": "d_tdnn"}, STATS, -512),
}


def num_weights(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", ROWS)
def test_an_encoder_has_as_many_weights_as_the_public_code(name):
    encoder, _, _ = CONFIGS[name]
    with torch.device("meta"):
        encoder = ENCODERS.build(encoder, in_dim=int(ROWS[name]["feat_dim"]))
    assert num_weights(encoder) == int(ROWS[name]["encoder_weights"])


@pytest.mark.parametrize("name", ROWS)
def test_with_pooling_and_embedding_it_has_so_too(name):
    """Up to the bias of an embedding that the public code leaves to its batch norm."""
    encoder, pooling, more = CONFIGS[name]
    row = ROWS[name]
    config = ModelConfig(encoder=encoder, pooling=pooling, embedding_dim=int(row["embedding_dim"]))
    with torch.device("meta"):
        model = build_model(config, feat_dim=int(row["feat_dim"]))
    assert num_weights(model) + more == int(row["total_weights"])
