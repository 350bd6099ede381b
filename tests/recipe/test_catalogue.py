"""The catalogue is what the registries hold, without torch."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from steps_py import own_parts
from steps_py.errors import ConfigError
from steps_py.model.registries import LOSSES
from steps_py.recipe.catalogue import catalogue, own_files
from steps_py.recipe.checks.train import check_groups, compares
from steps_py.recipe.config import check_config, fill_defaults, without_defaults
from steps_py.recipe.sections import RecipeConfig
from steps_py.settings.check import check
from steps_py.settings.declare import plain, schema_of
from steps_py.settings.defaults import fill
from steps_py.training.config import TrainConfig
from steps_py.training.registered import REGISTRIES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_the_catalogue_holds_what_the_registry_holds(registry):
    known = catalogue()[registry.kind]
    assert sorted(known) == registry.names()
    for name, entry in known.items():
        _, config = registry.configure({"name": name})
        assert entry.schema == schema_of(type(config))
        assert fill(entry.schema, {}) == plain(config)
        assert entry.doc


def test_a_kept_catalogue_is_read_without_torch(tmp_path):
    code = "import sys; import steps_py.recipe.catalogue as c; c.catalogue(); print(*sys.modules)"
    run = [sys.executable, "-c", code]
    for _ in range(2):
        done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "numpy"} & set(done.stdout.split())


def test_nothing_has_to_be_writable(tmp_path):
    code = "import steps_py.recipe.catalogue as c; print(len(c.catalogue()['encoder']))"
    missing = str(tmp_path / "file/cache")
    (tmp_path / "file").write_text("")
    (tmp_path / ".snakemake").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"XDG_CACHE_HOME": missing, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) >= 5


@pytest.mark.parametrize(
    "section, key, part, said",
    [
        (
            "model",
            "encoder",
            {"name": "tdn"},
            "'model.encoder.name' is 'tdn'. Did you mean 'tdnn'?",
        ),
        ("train", "loss", {}, "'train.loss.name' is missing."),
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
            "'train.optimizer.lr' is '1e-3'; it must be a number. 1e-3 is text in YAML;",
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
            "'model.encoder.depth' is 35. Known: 100, 101, 152, 18, 221, 293, 34, 50.",
        ),
        (
            "train",
            "loss",
            {"name": "weighted_sum", "metric": {"name": "softmax"}},
            "'train.loss.metric.name' is 'softmax'. Set it to a loss that compares utterances, or",
        ),
        (
            "train",
            "loss",
            {"name": "weighted_sum", "classification": {"name": "ge2e"}},
            "'train.loss.classification.name' is 'ge2e'. Set it to a loss that classifies.",
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
    rule = schema_of(RecipeConfig)["properties"][section]["properties"][key]
    (fault,) = check(rule, part, f"{section}.{key}", catalogue())
    assert fault.startswith(said)


def faults_of_train(**train):
    return [
        fault
        for fault in check(schema_of(TrainConfig), train, "train", catalogue())
        if "missing" not in fault
    ]


def test_the_parts_of_a_stage_are_checked_too():
    stages = [{"num_epochs": 3}, {"loss": {"name": "aam_softmax", "margn": 1}}]
    (fault,) = faults_of_train(stages=stages)
    assert fault.startswith("unknown key 'train.stages.1.loss.margn'. Did you mean 'margin'?")


def test_a_key_that_is_not_of_a_stage_is_refused_there():
    (fault,) = faults_of_train(stages=[{"seed": 2}])
    assert fault.startswith("unknown key 'train.stages.0.seed'.")


@pytest.mark.parametrize("loss", [{"name": "ge2e"}, {"name": "weighted_sum"}])
def test_a_loss_that_compares_utterances_of_a_speaker_must_get_some(loss):
    train = {"loss": loss, "sampler": {"name": "balanced"}, "stages": []}
    (fault,) = check_groups({"train": train}, catalogue())
    assert fault.startswith(f"'train.loss.name' is '{loss['name']}', which compares utterances")
    assert "sampler 'balanced' has one per speaker in a batch" in fault
    for sampler in ({"name": "speaker_groups", "utts_per_speaker": 4}, {"name": "all_utts"}):
        assert not list(check_groups({"train": train | {"sampler": sampler}}, catalogue()))


def test_a_stage_that_compares_utterances_may_bring_its_sampler():
    stage = {"loss": {"name": "triplet"}}
    train = {"loss": {"name": "softmax"}, "sampler": {"name": "uniform"}, "stages": [{}, stage]}
    (fault,) = check_groups({"train": train}, catalogue())
    assert fault.startswith("'train.stages.1.loss.name' is 'triplet'")
    stage["sampler"] = {"name": "speaker_groups"}
    assert not list(check_groups({"train": train}, catalogue()))


def test_the_catalogue_has_which_losses_compare():
    losses = catalogue()["loss"]
    for name in losses:
        cls, _ = LOSSES.configure({"name": name})
        assert compares({"name": name}, losses) == (cls.compares is not False)


# Three natural ways of writing a class, and defaults that are no literals.
OWN = """
import dataclasses
from typing import Literal

from torch import nn

from recipe_local._sizes import MANY
from steps_py.model.encoders.tdnn import Tdnn
from steps_py.model.registries import ENCODERS


@ENCODERS.register("inherits_config")
class Inherits(Tdnn):
    "The TDNN by another name."


@ENCODERS.register("extends_config")
class Extends(Tdnn):
    "The TDNN with a key more."

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Tdnn.Config):
        extra: int = MANY
        maybe: float = None
        names: list = dataclasses.field(default_factory=list)
        mode: Literal["a", "b"] | None = None


@ENCODERS.register("requires_keys")
class Requires(nn.Module):
    "Has a key without a default."

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config:
        num_layers: int
"""


@pytest.fixture
def recipe(tmp_path):
    shutil.copy(ROOT / "egs/voxceleb/config.yaml", tmp_path)
    (tmp_path / "local").mkdir()
    (tmp_path / "local/mine.py").write_text(OWN)
    (tmp_path / "local/_sizes.py").write_text("MANY = 12\n")
    return tmp_path


def with_encoder(recipe, **encoder):
    config = yaml.safe_load((recipe / "config.yaml").read_text())
    config["model"]["encoder"] = encoder
    return config


def complaint(recipe, **encoder):
    with pytest.raises(ConfigError) as error:
        check_config(with_encoder(recipe, **encoder), "config.yaml", recipe)
    return str(error.value)


def test_a_recipe_names_classes_of_its_own_folder(recipe):
    for encoder in (
        {"name": "inherits_config", "hidden_dim": 4},
        {"name": "extends_config", "extra": 3, "maybe": 0.5, "names": ["x"], "mode": "b"},
        {"name": "extends_config", "maybe": None},
        {"name": "requires_keys", "num_layers": 3},
    ):
        check_config(with_encoder(recipe, **encoder), "config.yaml", recipe)
    config = with_encoder(recipe, name="extends_config", extra=12, hidden_dim=7)
    assert without_defaults(config, recipe)["model"]["encoder"] == {
        "name": "extends_config",
        "hidden_dim": 7,
    }
    assert fill_defaults(config, recipe)["model"]["encoder"]["maybe"] is None


@pytest.mark.parametrize(
    "encoder, said",
    [
        ({"name": "inherits_config", "hidden": 4}, "encoder.hidden'. Did you mean 'hidden_dim'?"),
        ({"name": "extends_config", "extra": "many"}, "extra' is 'many'; it must be a whole"),
        ({"name": "extends_config", "maybe": "x"}, "maybe' is 'x'; it must be a number or nothing"),
        ({"name": "extends_config", "names": 3}, "encoder.names' is 3; it must be a list"),
        ({"name": "extends_config", "mode": "c"}, "encoder.mode' is 'c'. Known: a, b, null"),
        ({"name": "requires_keys"}, "'model.encoder.num_layers' is missing"),
        ({"name": "extends_confg"}, "Did you mean 'extends_config'?"),
    ],
)
def test_keys_of_own_classes_are_checked(recipe, encoder, said):
    assert said in complaint(recipe, **encoder)


@pytest.mark.parametrize(
    "code, said",
    [
        (
            "import no_such_module\n",
            "broken.py:1: cannot be loaded; ModuleNotFoundError: No module",
        ),
        ("x = 1\ndef f(:\n", "broken.py:2: cannot be loaded; SyntaxError"),
        ("x = 1\nraise SystemExit(3)\n", "broken.py:2: cannot be loaded; SystemExit: 3"),
        (OWN.replace("inherits_config", "tdnn"), "is registered twice"),
        (OWN.replace("    @dataclasses.dataclass(frozen=True, kw_only=True)\n", ""), "@dataclass"),
        (OWN.replace("num_layers: int", "num_layers: complex"), "cannot have the type"),
        (OWN.replace("num_layers: int", "num_layers: int = object()"), "is not text, a number"),
        (OWN.replace("num_layers: int", "num_layers: 'Nowhere'"), "'Nowhere' is not defined"),
    ],
)
def test_a_fault_of_an_own_file_is_one_line_that_names_it(recipe, code, said):
    (recipe / "local/mine.py").unlink()
    (recipe / "local/broken.py").write_text(code)
    message = complaint(recipe, name="tdnn")
    assert said in message
    assert "broken.py" in message
    assert len(message.splitlines()) == 1


def test_own_files_are_named_where_their_classes_are_used(recipe):
    (recipe / "local/other.py").write_text("")
    used = with_encoder(recipe, name="inherits_config")
    files = [os.path.relpath(recipe / "local" / name) for name in ("_sizes.py", "mine.py")]
    assert own_files(used["model"], recipe) == files
    assert own_files([used["train"], used["data"]], recipe) == []
    assert own_files(with_encoder(recipe, name="tdnn")["model"], recipe) == []


def test_a_stage_finds_the_classes_of_its_recipe(recipe):
    code = (
        "from steps_py.model.registries import ENCODERS;"
        "print(ENCODERS.configure({'name': 'extends_config'})[1].extra)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {own_parts.VARIABLE: str(recipe)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "12\n"
