"""Options of a clusterer, chosen by the diarization error rate of a development set."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Tuned(NamedTuple):
    """The chosen options, their error rate, and every trial as (options, error rate)."""

    options: dict[str, Any]
    der: float
    tried: list[tuple[dict[str, Any], float]]


def tune(values: Mapping[str, list], der_of: Callable[[dict[str, Any]], float]) -> Tuned:
    """Try all combinations of values; of equal error rates the first one is chosen.

    Parameters
    ----------
    values : mapping of options to lists of values
    der_of : callable
        Options -> diarization error rate in percent.

    Examples
    --------
    >>> tune({"threshold": [0.0, 0.2, 0.6]}, lambda chosen: abs(chosen["threshold"] - 0.3)).options
    {'threshold': 0.2}
    """
    tried = []
    for chosen in itertools.product(*values.values()):
        options = dict(zip(values, chosen, strict=True))
        tried.append((options, der_of(options)))
    options, der = min(tried, key=lambda trial: trial[1])
    return Tuned(options, der, tried)
