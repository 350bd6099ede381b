"""What the config schema leaves to the classes: the own keys of corpora, kinds and networks."""

from steps_py.augment.kinds import KINDS
from steps_py.augment.online_config import OnlineConfig
from steps_py.backend.systems import check_systems
from steps_py.chunks.allocation import ChunksConfig
from steps_py.data.corpora import load_corpus
from steps_py.errors import ConfigError, StepsError
from steps_py.model.catalogue import check_parts
from steps_py.scoring.measures import metrics_of
from steps_py.training.config import TrainConfig, split_stages


def check_components(config, source="config.yaml"):
    """Raise one ConfigError that lists every fault in what registered classes are given.

    `config` has passed `steps_py.recipe.config.check_config` and has its defaults.
    """
    said = check_parts(config)
    for check in _checks(config):
        try:
            check()
        except StepsError as error:
            said += str(error).splitlines()
    if said:
        raise ConfigError("\n".join(f"{source}: {line}" for line in said))


def _checks(config):
    """Calls that build nothing large and raise for a name or key that does not exist."""
    for name, options in config["data"]["corpora"].items():
        yield lambda name=name, options=options: load_corpus(name, options)
    for name, options in config["augment"]["copies"].items():
        yield lambda name=name, options=options: KINDS.configure({"name": name, **options})
    if config["augment"]["online"]:
        yield lambda: OnlineConfig(**config["augment"]["online"])
    yield lambda: check_systems(config["scores"], config["backend"])
    yield lambda: metrics_of(config["metrics"]["measures"], config["metrics"]["p_target"])
    yield lambda: split_stages(
        {"train": TrainConfig(**config["train"]), "chunks": ChunksConfig(**config["chunks"])}
    )
