"""Front-ends: one class per file, registered in FRONT_ENDS."""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
