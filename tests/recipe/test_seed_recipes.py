"""Recipes of earlier projects: their overlays are valid configs of networks that can be built.

`tests/workflow/test_workflow.py` plans config.yaml of every recipe.
"""

import re

import pytest
import yaml

from steps_py.feats.feature_conf import feature_dim
from steps_py.model.config import ModelConfig
from steps_py.model.macs import shape_of_model
from steps_py.recipe.config import check_config, fill_defaults
from steps_py.recipe.overlays import lay_over
from steps_py.settings.build import build
from steps_py.training.config import ChunksConfig, TrainConfig, split_stages
from steps_py.training.initial_weights import check_heads
from tests.support.tiny_recipe import ROOT, snakemake

IDEN = ["logistic_margin", "identification"]
NORMALISED = ["tdnn_v5_fb40", "as_norm"]
COMBINATIONS = {  # recipe -> overlays that are run together, each also with the last, a part
    "sequens": [[], ["dplda"], ["adv"], ["reco"]],
    "speaker_systems": [[], ["tdnn_v5_fb40"], ["ret14_cbam"], ["ecapa"], ["resnet"], NORMALISED],
    "hypersphere": [[], ["logistic_margin"], ["am_softmax"], ["a_softmax"], IDEN],
    "multitask": [[], ["tdnn"]],
    "deep_speaker": [[], ["closed_set"], ["vivos"]],
}
PARTS = {
    ("speaker_systems", "resnet"): ["part_resnet"],
    ("speaker_systems", *NORMALISED): ["part", "part_as_norm"],
    ("multitask",): ["part_resnet"],
    ("sequens", "dplda"): ["part", "part_dplda"],
    ("deep_speaker", "closed_set"): ["part", "part_closed_set"],
    ("deep_speaker", "vivos"): ["part_vivos"],
    ("sequens", "reco"): ["part", "part_reco"],
    ("sequens", "adv"): ["part", "part_adv"],
}
CASES = [(recipe, names) for recipe, all_names in COMBINATIONS.items() for names in all_names]
each_case = pytest.mark.parametrize("recipe, names", CASES, ids=str)


def part_of(recipe, names):
    return [*names, *PARTS.get((recipe, *names), ["part"])]


def config_of(recipe, names):
    config = yaml.safe_load((ROOT / f"egs/{recipe}/config.yaml").read_text())
    for name in names:
        config = lay_over(config, yaml.safe_load((ROOT / f"egs/{recipe}/{name}.yaml").read_text()))
    return config


@pytest.mark.parametrize("is_part", [False, True])
@each_case
def test_a_system_is_a_valid_config_whose_network_and_stages_can_be_built(recipe, names, is_part):
    folder = ROOT / "egs" / recipe
    config = config_of(recipe, part_of(recipe, names) if is_part else names)
    check_config(config, recipe=folder)
    filled = fill_defaults(config, folder)
    feat_dim = feature_dim(filled["feats"]["type"], folder / filled["feats"]["conf"])
    model = ModelConfig(**filled["model"])
    network = shape_of_model(model, feat_dim)
    assert network.min_frames <= filled["chunks"]["min_frames"]
    sections = {
        "train": build(TrainConfig, filled["train"], "train"),
        "chunks": build(ChunksConfig, filled["chunks"], "chunks"),
        "model": model,
    }
    check_heads(split_stages(sections))


@pytest.mark.parametrize("recipe", COMBINATIONS)
def test_every_overlay_is_in_a_combination_and_in_the_results(recipe):
    overlays = {path.stem for path in (ROOT / "egs" / recipe).glob("*.yaml")} - {"config"}
    used = {name for names in COMBINATIONS[recipe] for name in part_of(recipe, names)}
    assert overlays == used
    results = (ROOT / f"egs/{recipe}/RESULTS.md").read_text()
    systems = {name for names in COMBINATIONS[recipe] for name in names}
    assert not [name for name in systems if f"{name}` |" not in results]


@pytest.mark.parametrize("recipe", COMBINATIONS)
def test_the_part_of_a_system_plans_its_scores(recipe):
    names = part_of(recipe, COMBINATIONS[recipe][-1])
    files = [str(ROOT / f"egs/{recipe}/{name}.yaml") for name in names]
    folder = ROOT / "egs" / recipe
    done = snakemake(folder, "--configfile", *files, "--dry-run", "--", "all")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    scored = set(
        re.findall(r"output: exp/scores/(\w+)/(?:vox1|test|one_versus_99)$", done.stdout, re.M)
    )
    assert scored == set(config_of(recipe, names)["scores"]["systems"])
