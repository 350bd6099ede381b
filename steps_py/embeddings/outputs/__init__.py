"""Formats that x-vectors are written in: one class per file, in VECTOR_FORMATS.

The contract is in base.py.
"""

from steps_py.embeddings.outputs.base import VECTOR_FORMATS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["VECTOR_FORMATS"]
