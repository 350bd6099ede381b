"""Learning-rate schedules: one class per file, registered in SCHEDULES."""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
