"""Attribution methods: one class per file, in METHODS.

The contract is in base.py.
"""

from steps_py.attribution.methods.base import METHODS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["METHODS"]
