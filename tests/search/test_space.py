"""A space of config keys: values, conditions, and what is refused."""

import pytest

from steps_py.errors import ConfigError
from steps_py.search.config import ParameterConfig
from steps_py.search.space import Space, overlay
from steps_py.settings.build import build


def space_of(**entries):
    return Space(
        {
            key.replace("__", "."): build(ParameterConfig, entry, key)
            for key, entry in entries.items()
        }
    )


LOSS = {"choices": ["softmax", "aam_softmax"]}
MARGIN = {"range": [0.1, 0.4], "when": {"train.loss.name": "aam_softmax"}}


class Chooses:
    """A trial of Optuna that gives the values it is made with."""

    def __init__(self, **values):
        self.values = values

    def suggest_categorical(self, name, choices):
        assert self.values[name] in choices
        return self.values[name]

    def suggest_float(self, name, low, high, *, step, log):
        return {"low": low, "high": high, "step": step, "log": log}

    suggest_int = suggest_float


def test_ranges_are_passed_on_with_their_bounds_step_and_scale():
    space = space_of(
        a={"range": [0, 1], "step": 0.25},
        b={"log_range": [0.001, 0.1]},
        c={"int_range": [8, 64], "step": 8},
        d={"log_int_range": [1, 100]},
    )
    assert space.suggest(Chooses()) == {
        "a": {"low": 0, "high": 1, "step": 0.25, "log": False},
        "b": {"low": 0.001, "high": 0.1, "step": None, "log": True},
        "c": {"low": 8, "high": 64, "step": 8, "log": False},
        "d": {"low": 1, "high": 100, "step": 1, "log": True},
    }


def test_a_choice_can_be_a_section_a_list_or_null():
    values = [None, {"name": "mixup", "alpha": 0.2}, [1, 2], "x", 1, True]
    space = space_of(train__mix={"choices": values})
    texts = ["null", '{"name": "mixup", "alpha": 0.2}', "[1, 2]", '"x"', "1", "true"]
    for text, value in zip(texts, values, strict=True):
        found = space.suggest(Chooses(**{"train.mix": text}))["train.mix"]
        assert found == value
        assert type(found) is type(value)


def test_a_key_with_a_condition_is_set_only_where_it_holds():
    # the condition's key comes later in the file
    space = space_of(train__loss__margin=MARGIN, train__loss__name=LOSS)
    assert space.keys == ["train.loss.name", "train.loss.margin"]
    without = space.suggest(Chooses(**{"train.loss.name": '"softmax"'}))
    assert without == {"train.loss.name": "softmax"}
    with_it = space.suggest(Chooses(**{"train.loss.name": '"aam_softmax"'}))
    assert set(with_it) == {"train.loss.name", "train.loss.margin"}


def test_a_condition_can_allow_several_values_and_hang_on_another_condition():
    space = space_of(
        a={"choices": [1, 2, 3]},
        b={"choices": [True, False], "when": {"a": [1, 2]}},
        c={"choices": ["x"], "when": {"b": True}},
    )
    seen = {tuple(point.items()) for point in space.some_points(200)}
    assert seen == {
        *((("a", a), ("b", True), ("c", "x")) for a in (1, 2)),
        *((("a", a), ("b", False)) for a in (1, 2)),
        (("a", 3),),
    }


def test_edges_are_all_choices_and_both_ends_with_what_their_conditions_need():
    space = space_of(train__loss__margin=MARGIN, train__loss__name=LOSS)
    name, margin = "train.loss.name", "train.loss.margin"
    assert list(space.edges()) == [
        (name, {name: "softmax"}),
        (name, {name: "aam_softmax"}),
        (margin, {name: "aam_softmax", margin: 0.1}),
        (margin, {name: "aam_softmax", margin: 0.4}),
    ]


def test_points_by_chance_stay_within_the_ranges():
    space = space_of(
        a={"log_range": [1e-4, 1]}, b={"int_range": [3, 5]}, c={"log_int_range": [1, 9]}
    )
    points = list(space.some_points(300))
    assert all(1e-4 <= point["a"] <= 1 for point in points)
    assert 0.4 < sum(point["a"] < 0.01 for point in points) / 300 < 0.6  # half of the decades
    assert {point["b"] for point in points} == {3, 4, 5}
    assert {point["c"] for point in points} <= set(range(1, 10))


def test_keys_within_a_chosen_section_are_laid_into_it():
    values = {"train.loss.margin": 0.3, "train.loss": {"name": "aam_softmax", "scale": 30}}
    assert overlay(values) == {
        "train": {"loss": {"name": "aam_softmax", "scale": 30, "margin": 0.3}}
    }
    assert "margin" not in values["train.loss"]


def test_a_key_within_null_is_refused():
    with pytest.raises(ConfigError, match=r"'space.train.mix.alpha': train.mix can be null"):
        overlay({"train.mix": None, "train.mix.alpha": 0.2})


@pytest.mark.parametrize(
    "entry, fault",
    [
        ({}, "needs one of choices"),
        ({"choices": [1], "range": [0, 1]}, "it has choices, range"),
        ({"range": [2, 1]}, "the first must be below the second"),
        ({"log_range": [0, 1]}, "values above 0"),
        ({"choices": [1, 1]}, "a value twice"),
        ({"log_range": [1, 2], "step": 1}, "step is for range and int_range, not for log_range"),
        ({"int_range": [1, 5], "step": 0.5}, "must be a whole number"),
        ({"int_range": [1, 2.5]}, "must be a whole number"),
        ({"range": [1]}, "needs 2 items"),
        ({"choices": []}, "is empty"),
        ({"rnage": [0, 1]}, "Did you mean 'range'"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(entry, fault):
    with pytest.raises(ConfigError, match=fault):
        build(ParameterConfig, entry, "space.x")


@pytest.mark.parametrize(
    "entries, fault",
    [
        ({"a": {"choices": [1], "when": {"bb": 1}}, "b": LOSS}, "Did you mean 'b'"),
        ({"a": {"choices": [1], "when": {"a": 1}}}, "names 'a', which is not in the space"),
        ({"a": MARGIN | {"when": {"b": 1}}, "b": {"int_range": [1, 2]}}, "needs choices"),
        ({"a": MARGIN | {"when": {"b": "sofmax"}}, "b": LOSS}, "Did you mean 'softmax'"),
        (
            {
                "a": {"choices": [1], "when": {"b": 1}},
                "b": {"choices": [1], "when": {"a": 1}},
            },
            "form a circle",
        ),
    ],
)
def test_a_condition_that_cannot_hold_is_refused(entries, fault):
    with pytest.raises(ConfigError, match=fault):
        space_of(**entries)
