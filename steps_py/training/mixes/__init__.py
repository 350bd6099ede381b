"""Mixes of chunks with two speakers each: one class per file, registered in MIXES."""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
