"""The encoders: one class a file, registered in ENCODERS by its own name."""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
