"""Strategies that select the utterances of a batch: one class per file, a subclass of Sampler.

See `steps_py.chunks.samplers.base.Sampler` for the contract.
"""

from steps_py.chunks.samplers.base import SAMPLERS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["SAMPLERS"]
