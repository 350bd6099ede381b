"""Networks have the published numbers of weights: tests/golden/parameters, on the meta device."""

import csv
from pathlib import Path

import pytest
import yaml

from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from tests.support.meta_networks import without_weights

TABLE = Path(__file__).parents[1] / "golden/parameters/published_sizes.tsv"
ROWS = {row["name"]: row for row in csv.DictReader(TABLE.open(), delimiter="\t")}


def num_weights(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", ROWS)
def test_a_network_has_as_many_weights_as_the_public_code(name):
    """Up to the difference that the row gives the reason of."""
    row = ROWS[name]
    sections = yaml.safe_load(f"{{{row['model']}}}")
    config = ModelConfig(embedding_dim=int(row["embedding_dim"]), **sections)
    with without_weights():
        model = build_model(config, feat_dim=int(row["feat_dim"]))
        if "deploy" in name:
            model.merge_branches()
    for part, module in (("encoder", model.encoder), ("total", model)):
        if row[f"{part}_weights"]:
            difference = int(row[f"{part}_difference"] or 0)
            assert num_weights(module) + difference == int(row[f"{part}_weights"]), part


def test_every_difference_has_a_reason():
    for row in ROWS.values():
        assert bool(row["why"]) == bool(row["encoder_difference"] or row["total_difference"]), row


def test_the_second_eres2net_of_17_8_million_weights():
    """3D-Speaker's README states the size; 192 dimensions, statistics of 10 bins."""
    encoder = {"name": "eres2net", "base_dim": 64, "group_width": 26, "first_fused_output": 3}
    config = ModelConfig(encoder=encoder, pooling={"name": "stats"}, embedding_dim=192)
    with without_weights():
        model = build_model(config, feat_dim=80)
    assert num_weights(model) == pytest.approx(17.8e6, abs=0.1e6)
