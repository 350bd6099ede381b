"""The steps of scoring systems: one class a file, registered in STEPS by its name.

A step keeps the contract of `Transform`, `Model` or `ScoreStep` in base.py.
"""

from steps_py.backend.steps.base import STEPS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["STEPS"]
