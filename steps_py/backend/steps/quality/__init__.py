"""Measures of how reliable an utterance's score can be: one class a file, registered in MEASURES.

A measure keeps the contract of `Measure` in base.py.
"""

from steps_py.backend.steps.quality.base import MEASURES
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["MEASURES"]
