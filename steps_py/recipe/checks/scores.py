"""Sections ``scores`` and ``metrics``: chains of steps, and measures."""

from steps_py.backend.systems import check_systems
from steps_py.errors import StepsError
from steps_py.scoring.measures import metrics_of


def check_chains(config, parts):
    """Chains are made of registered steps, in an order that gives scores, of what there is."""
    data = config["data"]
    sets = [*data["sets"], *(["train_augmented"] if config["augment"]["copies"] else [])]
    try:
        check_systems(config["scores"], config["backend"], list(data["trials"]), sets)
    except StepsError as error:
        yield from str(error).splitlines()


def check_measures(config, parts):
    """Measures are registered metrics."""
    try:
        metrics_of(config["metrics"]["measures"], config["metrics"]["p_target"])
    except StepsError as error:
        yield from str(error).splitlines()


CHECKS = [check_chains, check_measures]
