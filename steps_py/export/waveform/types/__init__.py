"""The feature types that can be exported, one class per file, in EXPORTED_FEATURES (base.py)."""

from steps_py.export.waveform.types.base import EXPORTED_FEATURES
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["EXPORTED_FEATURES"]
