"""What a recipe's objectives need is checked before any job."""

import pytest

from steps_py.recipe.checks.train import check_objectives
from steps_py.training.registered import registered

PARTS = registered()


def faults(inner_dim=None, unlabelled=None, sampler="balanced", mix=None, **objective):
    train = {
        "objectives": {"own": objective},
        "unlabelled": unlabelled,
        "sampler": {"name": sampler},
        "mix": mix,
        "stages": [],
    }
    return list(check_objectives({"train": train, "model": {"inner_dim": inner_dim}}, PARTS))


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"name": "head", "embedding": "inner"}, "but 'model.inner_dim' is null"),
        ({"name": "coral"}, "with those of train.unlabelled, which is null"),
        ({"name": "head", "loss": {"name": "triplet"}}, "one per speaker in a batch"),
        ({"name": "head", "mix": {"name": "mixup"}}, "need one for each. Set mix to null"),
    ],
)
def test_what_is_missing_is_said_with_the_key(keys, message):
    (fault,) = faults(**keys)
    assert fault.startswith("'train.") and message in fault


@pytest.mark.parametrize(
    "keys",
    [
        {"name": "head", "embedding": "inner", "inner_dim": 8},
        {"name": "coral", "labels": "domain"},
        {"name": "mmd", "unlabelled": {"set": "adapt"}},
        {"name": "head", "loss": {"name": "triplet"}, "sampler": "speaker_groups"},
        {"name": "head", "loss": {"name": "triplet"}, "labels": "language"},
    ],
)
def test_what_fits_passes(keys):
    assert faults(**keys) == []
