"""The metrics of scored trials: one class a file, registered in METRICS by its name.

A metric keeps the contract of `Metric` in base.py.
"""

from steps_py.registry import import_modules
from steps_py.scoring.metrics.base import METRICS

import_modules(__name__, __path__)

__all__ = ["METRICS"]
