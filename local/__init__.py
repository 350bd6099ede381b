"""Corpora: one file each, never one per recipe.  The contract is in README.md."""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
