"""What turns an utterance into a vector: one class a file, registered in EXTRACTORS by its name.

An extractor keeps the contract of base.py.
"""

from steps_py.embeddings.extractors.base import EXTRACTORS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["EXTRACTORS"]
