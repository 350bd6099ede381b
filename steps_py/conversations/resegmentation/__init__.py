"""Turns that are found again after the clustering: one class per file, a Resegmentation.

See `steps_py.conversations.resegmentation.base.Resegmentation` for the contract.
"""

from steps_py.conversations.resegmentation.base import RESEGMENTATIONS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["RESEGMENTATIONS"]
