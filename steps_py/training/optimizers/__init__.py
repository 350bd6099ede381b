"""Optimisers: one class per file, registered in OPTIMIZERS."""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
