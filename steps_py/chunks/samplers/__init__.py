"""The strategies that choose a batch's utterances: one class a file, registered by its name.

SAMPLERS  ``cls(config, spk_id_U, batch_size, draw)``; ``rows(step, random) -> rows_B``, the
          utterances of a step; ``utts_per_speaker``, how many rows of a speaker stand together
          at least

``draw(stream, *numbers)`` makes a random generator that belongs to these numbers alone, so
that a batch depends on (seed, step) and on nothing that went before.
"""

from steps_py.chunks.samplers.base import SAMPLERS
from steps_py.registry import import_modules

import_modules(__name__, __path__)

__all__ = ["SAMPLERS"]
