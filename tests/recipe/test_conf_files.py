"""Faults of conf files, sample rates and corpus parts are reported before any job."""

import shutil

import pytest
import yaml

from steps_py.errors import ConfigError
from steps_py.recipe.conf_files import check_conf_files
from steps_py.recipe.config import fill_defaults
from tests.support.tiny_recipe import RECIPES, ROOT


@pytest.fixture
def recipe(tmp_path):
    """The folder and the config of egs/folder, to be spoilt."""
    shutil.copytree(ROOT / "egs/folder/conf", tmp_path / "conf")
    return tmp_path, fill_defaults(yaml.safe_load((ROOT / "egs/folder/config.yaml").read_text()))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("folder", RECIPES, ids=lambda path: path.name)
def test_the_recipes_have_no_such_mistake(folder):
    check_conf_files(fill_defaults(yaml.safe_load((folder / "config.yaml").read_text())), folder)


def test_an_unknown_option_of_a_conf_file_gets_the_nearest_one(recipe):
    folder, config = recipe
    edit(folder / "conf/fbank.conf", "--num-mel-bins", "--num-mel-bin")
    edit(folder / "conf/vad.conf", "--vad-energy-threshold", "--vad-energy-treshold")
    with pytest.raises(ConfigError) as error:
        check_conf_files(config, folder)
    feats, vad = str(error.value).splitlines()
    assert "fbank.conf" in feats and "num-mel-bins" in feats
    assert "vad.conf" in vad and "vad-energy-threshold" in vad


def test_a_conf_file_that_is_not_there_gets_the_nearest_one(recipe):
    folder, config = recipe
    config["feats"]["conf"] = "conf/fbnk.conf"
    with pytest.raises(ConfigError, match=r"feats.conf: .*Did you mean 'fbank.conf'"):
        check_conf_files(config, folder)


def test_rates_of_conf_and_corpora_must_agree_unless_the_conf_converts(recipe):
    folder, config = recipe
    edit(folder / "conf/fbank.conf", "--sample-frequency=16000", "--sample-frequency=8000")
    with pytest.raises(ConfigError, match=r"is 8000 Hz, but data.corpora.*16000"):
        check_conf_files(config, folder)
    with open(folder / "conf/fbank.conf", "a") as conf:
        conf.write("--allow-downsample=true\n")
    check_conf_files(config, folder)


def test_unknown_parts_and_lists_get_the_nearest_one():
    folder = ROOT / "egs/voxceleb"
    config = fill_defaults(yaml.safe_load((folder / "config.yaml").read_text()))
    config["data"]["sets"]["train"] = ["voxceleb1.dve"]
    config["data"]["trials"]["vox1"]["list"] = "vox1_cleen"
    with pytest.raises(ConfigError) as error:
        check_conf_files(config, folder)
    part, trials = str(error.value).splitlines()
    assert part.startswith("'data.sets.train' names 'voxceleb1.dve'. Did you mean 'dev'?")
    assert trials.startswith("'data.trials.vox1' names 'vox1_cleen'. Did you mean 'vox1_clean'")
