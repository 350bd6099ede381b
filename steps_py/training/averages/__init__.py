"""Averages of the weights during training: one class per file, registered in AVERAGES."""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
