"""What finds the speakers of a recording: one class per file, a subclass of Clusterer.

See `steps_py.diarization.clusterers.base.Clusterer` for the contract.
"""

from steps_py.diarization.clusterers.base import CLUSTERERS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["CLUSTERERS"]
