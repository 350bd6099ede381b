"""The files that a loss starts from, by its section alone."""

from collections.abc import Mapping
from typing import Any


def files_of_loss(section: Mapping[str, Any]) -> list[str]:
    """The files in ``start_files`` of a loss, and of the losses within it.

    >>> inner = {"name": "dplda", "start_files": {"mean": "mean.vec", "plda": "plda"}}
    >>> files_of_loss({"name": "weighted_sum", "metric": inner})
    ['mean.vec', 'plda']
    """
    own = list((section.get("start_files") or {}).values())
    inner = [value for value in section.values() if isinstance(value, Mapping) and "name" in value]
    return own + [path for loss in inner for path in files_of_loss(loss)]
