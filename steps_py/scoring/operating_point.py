"""What detection costs have in common: a prior, two costs, and a name that says them."""

import math

from steps_py.errors import ConfigError


def check_operating_point(name: str, config) -> None:
    """Raise ConfigError unless the prior and the costs of a metric's Config make sense."""
    if not 0 < config.p_target < 1:
        raise ConfigError(f"{name}: p_target is {config.p_target:g}. Give a value between 0 and 1.")
    for key in ("c_miss", "c_fa"):
        value = getattr(config, key)
        if not 0 < value < math.inf:
            raise ConfigError(f"{name}: {key} is {value:g}. Give a value above 0.")


def named(name: str, title: str, config) -> tuple[str, str]:
    """Name and title of a metric at its operating point.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Config:
    ...     p_target: float = 0.01
    ...     c_miss: float = 10
    ...     c_fa: float = 1
    >>> named("min_dcf", "minDCF", Config())
    ('min_dcf_0.01_10_1', 'minDCF 0.01 10:1')
    """
    name, title = f"{name}_{config.p_target:g}", f"{title} {config.p_target:g}"
    if (config.c_miss, config.c_fa) != (1, 1):
        name += f"_{config.c_miss:g}_{config.c_fa:g}"
        title += f" {config.c_miss:g}:{config.c_fa:g}"
    return name, title


def bayes_threshold(p_target: float, c_miss: float = 1.0, c_fa: float = 1.0) -> float:
    """The log-likelihood ratio from which accepting costs less than rejecting.

    >>> round(bayes_threshold(0.01), 4)
    4.5951
    """
    return math.log(c_fa * (1 - p_target)) - math.log(c_miss * p_target)
