"""What computes a network in extraction: one class per file, in ENGINES (base.py)."""

from steps_py.embeddings.engines.base import ENGINES
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["ENGINES"]
