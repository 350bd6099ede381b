"""The schedules of the learning rate: one class a file, registered in SCHEDULES by its own name."""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
