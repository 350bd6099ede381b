"""Trial lists made by a rule, for corpora that have none: one class a file, registered in MAKERS.

A maker keeps the contract of `base.py`.
"""

from steps_py.data.made_trials.base import MAKERS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["MAKERS"]
