"""The metrics that a recipe names."""

import dataclasses

from steps_py.errors import ConfigError
from steps_py.scoring.metrics import METRICS
from steps_py.scoring.metrics.base import Metric

DEFAULT = ("eer", "min_dcf")


def metrics_of(measures: list, p_targets: list[float]) -> list[Metric]:
    """The metrics of section ``metrics``; `measures` are ``name`` or ``{name: options}``.

    >>> [m.name for m in metrics_of(["eer", "min_dcf", {"min_dcf": {"p_target": 0.5}}], [0.01])]
    ['eer_percent', 'min_dcf_0.01', 'min_dcf_0.5']

    Raises
    ------
    ConfigError
        If a name or an option does not exist, or two metrics would have one name.
    """
    metrics = {}
    for element in measures:
        name, given = next(iter(element.items())) if isinstance(element, dict) else (element, {})
        try:
            found = _of_one_name(name, given or {}, p_targets)
        except ConfigError as error:
            raise ConfigError(f"'metrics.measures': {error}") from None
        for metric in found:
            if metric.name in metrics:
                raise ConfigError(f"'metrics.measures' gives '{metric.name}' twice. Give it once.")
            metrics[metric.name] = metric
    return list(metrics.values())


def check_calibrated(metrics: list[Metric], systems: list[str], calibrated: list[str]) -> None:
    """Raise ConfigError if a metric of log-likelihood ratios is asked of scores that are none.

    >>> check_calibrated(metrics_of(["eer"], [0.01]), ["cosine"], [])
    """
    for metric in metrics:
        wrong = [s for s in systems if metric.is_for(s) and s not in calibrated]
        if metric.needs_llr and wrong:
            raise ConfigError(
                f"'metrics.measures': {metric.name} needs log-likelihood ratios, and the scores of"
                f" '{wrong[0]}' are not calibrated. End its chain with a calibration, or name the"
                " calibrated systems in the metric's option 'systems'."
            )


def _of_one_name(name, given, p_targets):
    options = {field.name for field in dataclasses.fields(METRICS.find(name).Config)}
    if "p_target" not in options or "p_target" in given:
        return [METRICS.build({"name": name, **given})]
    return [METRICS.build({"name": name, "p_target": p, **given}) for p in p_targets]
