"""The catalogue is what the registries hold, without torch."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from steps_py.chunks.samplers import SAMPLERS
from steps_py.model import encoders, losses, poolings  # noqa: F401
from steps_py.model.catalogue import PLACES, catalogue, check_parts, entries
from steps_py.model.registries import ENCODERS, LOSSES, OPTIMIZERS, POOLINGS, SCHEDULES
from steps_py.training import optimizers, schedules  # noqa: F401

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "registry",
    [ENCODERS, POOLINGS, LOSSES, OPTIMIZERS, SCHEDULES, SAMPLERS],
    ids=lambda r: r.kind,
)
def test_the_catalogue_holds_what_the_registry_holds(registry):
    known = catalogue()[registry.kind]
    assert sorted(known) == registry.names()
    for name, fields in known.items():
        _, config = registry.configure({"name": name})
        assert fields == dataclasses.asdict(config)
        assert entries()[registry.kind][name].choices == {
            key: get_args(hint)
            for key, hint in get_type_hints(type(config)).items()
            if get_origin(hint) is Literal
        }
    assert registry.kind in PLACES.values()


def test_it_needs_no_torch():
    code = "import sys; import steps_py.model.catalogue as c; c.catalogue(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"torch", "numpy"} & set(done.stdout.split())


@pytest.mark.parametrize(
    "section, key, part, said",
    [
        (
            "model",
            "encoder",
            {"name": "tdn"},
            "'model.encoder.name' is 'tdn'. Did you mean 'tdnn'?",
        ),
        ("train", "loss", {}, "'train.loss.name' is 'None'. Known:"),
        (
            "train",
            "loss",
            {"name": "aam_softmax", "margn": 1},
            "unknown key 'train.loss.margn'. Did you mean 'margin'?",
        ),
        (
            "train",
            "optimizer",
            {"name": "sgd", "lr": "1e-3"},
            "'train.optimizer.lr' is '1e-3'; it must be a number. YAML takes 1e-3 for text;",
        ),
        (
            "train",
            "optimizer",
            {"name": "sgd", "nesterov": 1},
            "'train.optimizer.nesterov' is 1; it must be true or false.",
        ),
        (
            "model",
            "encoder",
            {"name": "tdnn", "hidden_dim": 51.2},
            "'model.encoder.hidden_dim' is 51.2; it must be a whole number.",
        ),
        (
            "model",
            "encoder",
            {"name": "tdnn", "dilations": 1},
            "'model.encoder.dilations' is 1; it must be a list.",
        ),
        (
            "train",
            "loss",
            {"name": "softmax", "hidden_dim": True},
            "'train.loss.hidden_dim' is True; it must be a whole number.",
        ),
        (
            "train",
            "loss",
            {"name": "am_softmax", "sub_center": 3},
            "unknown key 'train.loss.sub_center'. Did you mean 'sub_centers'?",
        ),
        (
            "train",
            "loss",
            {"name": "triplet", "mining": "hard"},
            "'train.loss.mining' is 'hard'. Did you mean 'hardest'? Known: all, hardest",
        ),
        (
            "model",
            "encoder",
            {"name": "resnet", "depth": 35},
            "'model.encoder.depth' is 35. Known: 101, 152, 18, 221, 293, 34, 50.",
        ),
        (
            "train",
            "loss",
            {"name": "weighted_sum", "metric": {"name": "softmax"}},
            "'train.loss.metric.name' is 'softmax'. Name a loss there that compares utterances.",
        ),
        (
            "train",
            "loss",
            {"name": "weighted_sum", "classification": {"name": "ge2e"}},
            "'train.loss.classification.name' is 'ge2e'. Name a loss there that classifies.",
        ),
        (
            "train",
            "loss",
            {"name": "weighted_sum", "metric": "triplet"},
            "'train.loss.metric' is 'triplet'; it must be a loss: a name and its keys.",
        ),
        (
            "train",
            "loss",
            {"name": "weighted_sum", "metric": {"name": "tripled"}},
            "'train.loss.metric.name' is 'tripled'. Did you mean 'triplet'?",
        ),
        (
            "train",
            "loss",
            {"name": "weighted_sum", "classification": {"name": "am_softmax", "margn": 0.3}},
            "unknown key 'train.loss.classification.margn'. Did you mean 'margin'?",
        ),
    ],
)
def test_faults_are_answered_in_words(section, key, part, said):
    (fault,) = check_parts({section: {key: part}})
    assert fault.startswith(said)


def test_the_parts_of_a_stage_are_checked_too():
    stages = [{"num_epochs": 3}, {"loss": {"name": "aam_softmax", "margn": 1}}]
    (fault,) = check_parts({"train": {"stages": stages}})
    assert fault.startswith("unknown key 'train.stages.1.loss.margn'. Did you mean 'margin'?")


def test_a_sound_config_has_no_faults():
    parts = {
        "model": {
            "encoder": {"name": "tdnn", "kernel_sizes": [5, 3]},
            "pooling": {"name": "stats"},
        },
        "train": {"loss": {"name": "aam_softmax", "scale": 30}, "optimizer": {"name": "adam"}},
    }
    assert check_parts(parts) == []
    assert check_parts({}) == []


@pytest.mark.parametrize("loss", [{"name": "ge2e"}, {"name": "weighted_sum"}])
def test_a_loss_that_compares_utterances_of_a_speaker_must_get_some(loss):
    train = {"loss": loss, "sampler": {"name": "balanced"}}
    (fault,) = check_parts({"train": train})
    assert fault.startswith(f"'train.loss.name' is '{loss['name']}', which compares utterances")
    assert "sampler 'balanced' puts one of each together" in fault
    for sampler in ({"name": "speaker_groups", "utts_per_speaker": 4}, {"name": "all_utts"}):
        assert check_parts({"train": train | {"sampler": sampler}}) == []


def test_a_stage_that_compares_utterances_may_bring_its_sampler():
    stage = {"loss": {"name": "triplet"}}
    train = {"loss": {"name": "softmax"}, "sampler": {"name": "uniform"}, "stages": [{}, stage]}
    (fault,) = check_parts({"train": train})
    assert fault.startswith("'train.stages.1.loss.name' is 'triplet'")
    stage["sampler"] = {"name": "speaker_groups"}
    assert check_parts({"train": train}) == []


def test_the_catalogue_knows_which_losses_compare():
    for name, entry in entries()["loss"].items():
        cls, _ = LOSSES.configure({"name": name})
        assert entry.is_metric == (cls.utts_per_speaker_needed > 1)
