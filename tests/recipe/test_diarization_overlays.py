"""Overlays of diarization recipes: each is a valid config, and its system is the result."""

import pytest
import yaml

from steps_py.recipe.config import check_config, fill_defaults
from steps_py.recipe.overlays import lay_over
from tests.support.tiny_recipe import ROOT

OVERLAYS = [
    path
    for path in sorted(ROOT.glob("egs/*/*.yaml"))
    if path.stem not in ("config", "cluster", "search") and "\ndiarization:" in path.read_text()
]


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_overlay_of_a_diarization_recipe_is_valid(path):
    base = yaml.safe_load((path.parent / "config.yaml").read_text())
    config = lay_over(base, yaml.safe_load(path.read_text()))
    check_config(config, path, recipe=path.parent)
    section = fill_defaults(config, path.parent)["diarization"]
    if path.stem in section["systems"]:
        assert section["result"] == path.stem


@pytest.mark.parametrize("name", ["vbx", "spectral"])
def test_every_recipe_of_a_corpus_has_both_overlays(name):
    recipes = {path.parent.name for path in OVERLAYS}
    assert {"ami", "callhome", "dihard", "voxconverse"} <= recipes
    for recipe in ("ami", "callhome", "dihard", "voxconverse"):
        assert (ROOT / f"egs/{recipe}/{name}.yaml").is_file()
