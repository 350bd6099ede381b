"""docs/training.md names the networks that there are, and each class names its paper."""

import re
import sys
from pathlib import Path

import pytest
import torch
import yaml

from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.registries import ENCODERS, FRONT_ENDS, LOSSES, POOLINGS

PAGE = Path(__file__).parents[2] / "docs/training.md"
REGISTRIES = {
    "model.front_ends": FRONT_ENDS,
    "model.encoder": ENCODERS,
    "model.pooling": POOLINGS,
    "train.loss": LOSSES,
}


@pytest.mark.parametrize("key", REGISTRIES)
def test_the_page_names_all_registered_classes(key):
    (row,) = re.findall(rf"^\| `{re.escape(key)}` \|(.*)\|$", PAGE.read_text(), flags=re.M)
    assert sorted(re.findall(r"`([^`]+)`", row)) == REGISTRIES[key].names()


@pytest.mark.parametrize(
    "registry, name",
    [(registry, n) for registry in REGISTRIES.values() for n in registry.names() if n != "none"],
    ids=lambda value: getattr(value, "kind", value),  # the same in every process
)
def test_the_module_of_every_class_has_its_name_and_names_its_paper(registry, name):
    cls, _ = registry.configure({"name": name})
    module = sys.modules[cls.__module__]
    assert re.search(r"References?: .*\b(19|20)\d\d\b", module.__doc__, flags=re.S)
    assert module.__name__.endswith(f".{name}")
    assert cls.__doc__


def test_the_network_of_the_page_has_the_stated_size():
    (example,) = re.findall(r"^```yaml\n(model: +#.*?)```$", PAGE.read_text(), flags=re.M | re.S)
    sections = yaml.safe_load(example)
    LOSSES.configure(sections["train"]["loss"])
    with torch.device("meta"):
        model = build_model(ModelConfig(**sections["model"]), feat_dim=80)
    assert "14.7 million" in example
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == 14.7


def test_the_weighted_sum_of_the_page_is_valid():
    (example,) = re.findall(r"`(\{name: weighted_sum.*?\}\})`", PAGE.read_text())
    LOSSES.configure(yaml.safe_load(example))


def test_a_module_that_is_executed_again_registers_its_class_again():
    """As pytest does for the examples of one file; a class of another module may not."""
    known = ENCODERS.find("dense")
    again = type("Dense", (known,), {"__module__": known.__module__})
    try:
        assert ENCODERS.register("dense")(again) is ENCODERS.find("dense")
        stranger = type("Dense", (known,), {"__module__": "elsewhere"})
        with pytest.raises(TypeError, match="encoder 'dense' is registered twice"):
            ENCODERS.register("dense")(stranger)
    finally:
        ENCODERS.register("dense")(known)
