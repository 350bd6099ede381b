"""The networks, i-vectors and the fusion that egs/folder/RESULTS.md compares."""

import pytest
import yaml

from steps_py.checkout import CHECKOUT
from steps_py.recipe.conf_files import check_conf_files
from steps_py.recipe.config import check_config, fill_defaults
from steps_py.recipe.overlays import lay_over

FOLDER = CHECKOUT / "egs/folder"
OVERLAYS = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != "config")


def read(name):
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_of_the_template_is_valid(name):
    base = read("config")
    base["data"]["corpora"]["speech"]["trials"]["cal"] = {"file": "/corpora/mine/cal_trials"}
    base["data"]["trials"]["cal"] = {"corpus": "speech", "enroll": "dev", "test": "dev"}
    config = lay_over(base, read(name))
    check_config(config, recipe=FOLDER)
    check_conf_files(fill_defaults(config, FOLDER), FOLDER)


def test_the_fusion_reads_one_recipe_for_each_other_overlay():
    systems = read("fused")["scores"]["systems"]
    read_from = {
        step["scores_of_recipe"]["recipe"].removeprefix("../mine_")
        for chain in systems.values()
        for step in chain
        if isinstance(step, dict) and "scores_of_recipe" in step
    }
    assert read_from == set(OVERLAYS) - {"fused"}
