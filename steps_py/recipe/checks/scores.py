"""Sections ``scores`` and ``metrics``: chains of steps, measures, conditions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.backend.chains import parse_chains
from steps_py.backend.steps.base import Model, Transform
from steps_py.backend.systems import Systems, check_systems
from steps_py.embeddings.config import xvector_dim
from steps_py.errors import StepsError, did_you_mean
from steps_py.recipe.checks.train import inner_losses, trainings
from steps_py.scoring.measures import check_calibrated, metrics_of

if TYPE_CHECKING:
    from steps_py.registry import Entry


def check_chains(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Chains are made of registered steps, in an order that gives scores, of what there is."""
    data = config["data"]
    sets = [*data["sets"], *(["train_augmented"] if config["augment"]["copies"] else [])]
    try:
        check_systems(
            config["scores"],
            config["backend"],
            list(data["trials"]),
            sets,
            has_copies=config["xvectors"]["copies"] is not None,
        )
    except StepsError as error:
        yield from str(error).splitlines()


def check_trained_models(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """A model that scores with weights of the loss needs a network with that loss."""
    links_of, _ = parse_chains(config["scores"]["systems"], config["backend"])
    if config["train"] is None:
        for system, links in links_of.items():
            yield from (
                f"'scores.systems.{system}' scores with the loss '{link.step.loss}' of a network,"
                " but 'extractor' is ivector. Choose another step."
                for link in links
                if isinstance(link.step, Model) and link.step.loss
            )
        return
    *_, (where, section) = trainings(config["train"])
    names = list(_names_within(section["loss"], parts["loss"]))
    for system, links in links_of.items():
        for step in (link.step for link in links if isinstance(link.step, Model)):
            if step.loss and step.loss not in names:
                yield (
                    f"'scores.systems.{system}' scores with the loss '{step.loss}' of the network,"
                    f" but '{where}.loss.name' is '{names[0]}'. Set it to {step.loss}, or to a"
                    " weighted_sum with it."
                )


def _names_within(loss, losses):
    yield loss["name"]
    for inner in inner_losses(loss, losses):
        yield from _names_within(inner, losses)


def check_dims(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Steps have vectors of as many dimensions as they need."""
    links_of, _ = parse_chains(config["scores"]["systems"], config["backend"])
    for system, links in links_of.items():
        dim = xvector_dim(config)
        try:
            for link in links:
                dim = link.step.out_dim(dim) if isinstance(link.step, Transform) else dim
        except StepsError as error:
            yield f"'scores.systems.{system}': {error}"


def check_measures(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Measures are registered metrics, and those of calibrated scores are asked of no others."""
    try:
        metrics = metrics_of(config["metrics"]["measures"], config["metrics"]["p_target"])
    except StepsError as error:
        yield from str(error).splitlines()
        return
    try:
        systems = Systems(
            config["scores"],
            config["backend"],
            config["data"]["trials"],
            xvector_dim(config),
        )
    except StepsError:
        return  # see check_chains
    names = systems.names
    for metric in metrics:
        yield from (
            f"'metrics.measures' names the system '{name}'. {did_you_mean(name, names)}"
            for name in metric.systems or ()
            if name not in names
        )
    try:
        check_calibrated(metrics, names, [name for name in names if systems.calibrated(name)])
    except StepsError as error:
        yield str(error)


def check_conditions(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Bins of conditions rise."""
    for name, condition in config["metrics"]["conditions"].items():
        bins = condition.get("bins")
        if bins is not None and (not bins or bins != sorted(set(bins))):
            yield f"'metrics.conditions.{name}.bins' is {bins}. Give numbers that rise."


CHECKS = [check_chains, check_dims, check_trained_models, check_measures, check_conditions]
