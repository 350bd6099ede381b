"""Section `pseudo_labels`: what contradicts other sections is refused, by the key."""

import pytest
import yaml

from steps_py.errors import ConfigError
from steps_py.recipe.config import check_config, fill_defaults, without_defaults
from tests.support.tiny_recipe import ROOT

MINI = ROOT / "egs/mini"
SECTION = {
    "unlabelled": "train",
    "start": {"model": "start.pt"},
    "clusterer": {"name": "agglomerative", "num_clusters": 6},
}


def config(pseudo=(), **train):
    config = yaml.safe_load((MINI / "config.yaml").read_text())
    config["pseudo_labels"] = SECTION | dict(pseudo)
    config["train"] |= train
    return config


def test_without_the_section_a_config_is_as_before():
    before = config()
    before.pop("pseudo_labels")
    assert fill_defaults(before, MINI)["pseudo_labels"] is None
    assert "pseudo_labels" not in without_defaults(before, MINI)


def test_a_training_without_speakers_can_be_the_start():
    train = {"loss": {"name": "none"}, "objectives": {"dino": {}}, "min_frames": 200}
    check_config(config({"start": {"train": train}}), recipe=MINI)


@pytest.mark.parametrize(
    "pseudo, train, said",
    [
        ({"unlabelled": "crawled"}, {}, "'pseudo_labels.unlabelled' names the set 'crawled'"),
        ({"unlabelled": "mini_test"}, {}, "'data.trials.mini.enroll' is 'mini_test', a set that"),
        ({"start": None}, {}, "Give start.model"),
        ({"start": {"train": {"num_epoch": 1}}}, {}, "Did you mean 'num_epochs'?"),
        ({"start": {"model": "a.pt", "train": {"num_epochs": 1}}}, {}, "Remove one of them"),
        ({"start": {}}, {}, "Give one of them"),
        ({"start": {"train": {"average_epochs": 99}}}, {}, "pseudo_labels.start.train: "),
        ({"clusterer": {"name": "kmean", "num_clusters": 2}}, {}, "Did you mean 'kmeans'?"),
        ({}, {"unlabelled": {"set": "train"}}, "'train.unlabelled' and 'pseudo_labels' are both"),
    ],
)
def test_what_contradicts_is_refused(pseudo, train, said):
    with pytest.raises(ConfigError) as raised:
        check_config(config(pseudo, **train), recipe=MINI)
    assert said in str(raised.value)
