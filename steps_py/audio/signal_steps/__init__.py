"""Signal steps: recording -> recording, before the features; one class per file.

SIGNAL_STEPS    ``cls(config)``, called as ``step(samples_CN, rate_hz, name)``: float samples (C, N)
                in the units of 16-bit audio -> samples (C, N); ``name`` is for messages;
                ``keeps_length``, whether the number of samples stays.

Section ``feats`` of a recipe names them in ``signal_steps``. A file in <recipe>/local/ can register
a step for one recipe.
"""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
