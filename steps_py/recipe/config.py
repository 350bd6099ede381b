"""A recipe's config: its sections, its checks, and its defaults.

Each section is a dataclass of the package that reads it; this file only names them.  From the
dataclasses come the checks here, workflow/schemas/config.schema.yaml and docs/config.md
(`steps_py.recipe.schema` writes both).
"""

# start-up time
from dataclasses import dataclass

from steps_py.augment.config import AugmentConfig
from steps_py.backend.config import BackendConfig
from steps_py.chunks.config import ChunksConfig
from steps_py.data.config import DataConfig
from steps_py.embeddings.config import XvectorsConfig
from steps_py.errors import ConfigError
from steps_py.feats.config import CmvnConfig, FeatsConfig, VadConfig
from steps_py.model.config import ModelConfig
from steps_py.plan.config import PlanConfig
from steps_py.recipe.catalogue import catalogue
from steps_py.recipe.checks import CHECKS
from steps_py.scoring.config import MetricsConfig, ScoresConfig
from steps_py.settings.check import check
from steps_py.settings.declare import schema_of, section, setting
from steps_py.settings.defaults import fill, without
from steps_py.training.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class RecipeConfig:
    """One recipe: egs/<name>/config.yaml."""

    data: DataConfig = setting(description="corpora, sets and trial lists")
    augment: AugmentConfig = section(AugmentConfig, "altered copies of the training data")
    feats: FeatsConfig = setting(description="acoustic features")
    vad: VadConfig = setting(description="voice activity detection")
    cmvn: CmvnConfig = section(
        CmvnConfig, "sliding mean normalisation, the same in training and extraction"
    )
    chunks: ChunksConfig = setting(description="which frames the network is trained on")
    model: ModelConfig = setting(description="the network")
    train: TrainConfig = setting(description="its training")
    xvectors: XvectorsConfig = section(XvectorsConfig, "extraction of x-vectors")
    backend: BackendConfig = section(
        BackendConfig,
        "what the steps of scores.systems are trained on, and options that hold for each step of"
        " a name; an option given in a chain takes precedence",
    )
    scores: ScoresConfig = section(ScoresConfig, "scoring systems")
    plan: PlanConfig = section(PlanConfig, "of `snakemake plan`; no result depends on this section")
    metrics: MetricsConfig = section(MetricsConfig, "what the results tables show")


def check_config(config, source="config.yaml", recipe=None):
    """Raise one ConfigError that lists every fault of `config`, one line each.

    Faults of single keys come first; only a config without any is looked at as a whole.
    `recipe` is the recipe's folder, by default that of the run.
    """
    parts = catalogue(recipe)
    faults = check(schema_of(RecipeConfig), config, parts=parts)
    if not faults:
        filled = fill_defaults(config, recipe)
        faults = [fault for look in CHECKS for fault in look(filled, parts)]
    if faults:
        raise ConfigError("\n".join(f"{source}: {fault}" for fault in dict.fromkeys(faults)))


def fill_defaults(config, recipe=None):
    """A copy of a checked `config` in which every key that has a default is written out.

    The keys of registered classes are, too.
    """
    return fill(schema_of(RecipeConfig), dict(config), catalogue(recipe))


def without_defaults(config, recipe=None):
    """A copy of a checked `config` without the keys whose values are their defaults.

    The inverse of `fill_defaults`: two configs that mean the same give the same result, and a
    release that adds a key with a default does not change it.

    >>> without_defaults({"cmvn": {"window_frames": 300, "norm_vars": True}})
    {'cmvn': {'norm_vars': True}}
    """
    return without(schema_of(RecipeConfig), dict(config), catalogue(recipe))
