"""The formats of `sidewinder export`, one class per file, in EXPORT_FORMATS (base.py)."""

from steps_py.export.formats.base import EXPORT_FORMATS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["EXPORT_FORMATS"]
