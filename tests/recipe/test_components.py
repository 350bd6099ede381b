"""A misspelt key of a corpus, a kind of copy or a part of the network stops before any job."""

from pathlib import Path

import pytest
import yaml

from steps_py.errors import ConfigError
from steps_py.recipe.components import check_components
from steps_py.recipe.config import fill_defaults

ROOT = Path(__file__).parents[2]
RECIPES = sorted(ROOT.glob("egs/*/config.yaml"))


def recipe(path=ROOT / "egs/voxceleb/config.yaml"):
    return fill_defaults(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_the_recipes_name_what_there_is(path):
    check_components(recipe(path))


def test_all_faults_are_told_at_once():
    config = recipe()
    config["data"]["corpora"]["musan"]["partail"] = True
    config["augment"]["copies"]["noise"]["snr"] = [5]
    config["model"]["encoder"]["name"] = "tdn"
    config["train"]["loss"]["hiden_dim"] = 5
    config["train"]["optimizer"]["lr"] = "1e-3"
    with pytest.raises(ConfigError) as error:
        check_components(config, "config.yaml")
    lines = str(error.value).splitlines()
    assert len(lines) == 5
    assert all(line.startswith("config.yaml: ") for line in lines)
    text = str(error.value)
    for words in ("musan.partail'", "'snr'", "Did you mean 'tdnn'", "'hidden_dim'", "'1e-3'"):
        assert words in text
