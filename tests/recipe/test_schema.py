"""The schema file, the table of keys and the checks come from the same dataclasses."""

import dataclasses

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.checkout import CHECKOUT
from steps_py.recipe.catalogue import catalogue
from steps_py.recipe.config import fill_defaults, without_defaults
from steps_py.recipe.schema import SCHEMA, TABLE, schema_text, table_text
from steps_py.recipe.sections import RecipeConfig
from steps_py.settings.check import check
from steps_py.settings.declare import schema_of
from steps_py.training.config import ChunksConfig, TrainConfig, flat_settings
from steps_py.training.registered import registered

CONFIG = yaml.safe_load((CHECKOUT / "egs/voxceleb/config.yaml").read_text())
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.floats(-1, 2), st.sampled_from(["x", ""]),
    st.just([]), st.just({}), st.lists(st.integers(0, 2), max_size=2),
)  # fmt: skip


def test_the_schema_and_the_table_are_up_to_date():
    assert SCHEMA.read_text() == schema_text(), "run python -m steps_py.recipe.schema --write"
    assert TABLE.read_text() == table_text(), "run python -m steps_py.recipe.schema --write"


def paths(schema, prefix=()):
    for key, rule in schema.get("properties", {}).items():
        yield (*prefix, key)
        yield from paths(rule, (*prefix, key))


PATHS = list(paths(schema_of(RecipeConfig)))


@given(path=st.sampled_from(PATHS), value=VALUES)
@settings(deadline=None, max_examples=200)
def test_the_checker_and_jsonschema_agree(path, value):
    """But for numbers: jsonschema takes 1.0 for a whole number, the checker does not."""
    config = fill_defaults(CONFIG)
    section = config
    for key in path[:-1]:
        section = section[key] = dict(section.get(key) or {})
    section[path[-1]] = value
    valid = jsonschema.Draft202012Validator(schema_of(RecipeConfig)).is_valid(config)
    faults = check(schema_of(RecipeConfig), config)
    if not faults:
        assert valid
    elif valid:
        assert all("whole number" in fault or "name' is missing" in fault for fault in faults)


@given(data=st.data())
@settings(deadline=None, max_examples=100)
def test_defaults_that_are_written_out_change_nothing(data):
    """Some keys that have their defaults are written, some others are given another value."""
    full = fill_defaults(CONFIG)
    config = {
        name: {
            key: value
            for key, value in section.items()
            if key in CONFIG.get(name, {}) or data.draw(st.booleans())
        }
        for name, section in full.items()
        if isinstance(section, dict)
    }
    config["train"]["grad_clip"] = data.draw(st.sampled_from([None, 2.0]))
    config["cmvn"]["window_frames"] = data.draw(st.sampled_from([300, 200]))
    config["train"]["loss"] = {"name": "weighted_sum", "metric": {"name": "triplet", "margin": 0.3}}
    config["train"]["stages"] = [
        {"grad_clip": None, "spec_augment": {"num_time_masks": 1}, "sampler": {"name": "uniform"}}
    ]
    config["model"]["front_ends"] = data.draw(
        st.sampled_from([["deltas"], [{"deltas": None}], [{"deltas": {"order": 2}}]])
    )
    short, filled = without_defaults(config), fill_defaults(config)
    assert fill_defaults(short) == filled
    assert without_defaults(filled) == short
    assert without_defaults(short) == short
    assert short["model"]["front_ends"] == ["deltas"]
    assert "metric" not in short["train"]["loss"]
    assert short["train"]["stages"][0]["grad_clip"] is None


def test_a_new_key_with_a_default_drops_no_checkpoint(monkeypatch):
    """A release that adds keys to train, chunks, a loss: the settings of a training are equal."""
    loss = {"name": "aam_softmax", "margin": 0.3}
    parts = {"optimizer": {"name": "sgd"}, "schedule": {"name": "cosine"}}
    keys = parts | {"loss": loss, "num_epochs": 3, "batch_size": 8}

    def settings_of(train, chunks, known):
        sections = {
            "train": train(**keys),
            "chunks": chunks(min_frames=20, max_frames=30),
        }
        return flat_settings(sections, known)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class NewTrain(TrainConfig):
        ema_decay: float = 0.0

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class NewChunks(ChunksConfig):
        overlap: bool = False

    old = settings_of(TrainConfig, ChunksConfig, registered())
    assert settings_of(NewTrain, NewChunks, registered()) == old
    keys["loss"] = loss | {"scale": 30.0, "sub_centers": 1}
    assert settings_of(TrainConfig, ChunksConfig, registered()) == old
    keys["loss"] = loss | {"scale": 31.0}
    assert settings_of(TrainConfig, ChunksConfig, registered()) != old


@pytest.mark.parametrize("kind", sorted(catalogue()))
def test_every_default_is_accepted_by_its_own_schema(kind):
    for name, entry in catalogue()[kind].items():
        for key, rule in entry.schema["properties"].items():
            if "default" in rule:
                assert not check(rule, rule["default"], f"{name}.{key}", catalogue())
