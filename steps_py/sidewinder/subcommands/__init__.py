"""The subcommands of ``sidewinder``: one class per file, in SUBCOMMANDS; contract in base.py."""

from steps_py.registry import import_modules
from steps_py.sidewinder.subcommands.base import SUBCOMMANDS

import_modules(__name__, __path__)

__all__ = ["SUBCOMMANDS"]
