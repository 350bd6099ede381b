"""Extractors, which compute a vector of an utterance: one class per file, in EXTRACTORS.

The contract is in base.py.
"""

from steps_py.embeddings.extractors.base import EXTRACTORS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["EXTRACTORS"]
