"""What a network says about each frame: one class per file, a subclass of Task.

See `steps_py.segmentation.tasks.base.Task` for the contract.
"""

from steps_py.registry import import_modules
from steps_py.segmentation.tasks.base import TASKS

import_modules(__name__, __path__)

__all__ = ["TASKS"]
