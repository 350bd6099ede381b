"""The types of features: one class a file, registered by its name in ``feats.type``.

FEATURES    ``cls(config)`` with ``Config``, a dataclass whose ``frames`` is a FrameConfig;
            ``dim``; ``compute(samples_N) -> float32 (T, D)``, samples as in 16-bit audio;
            ``Options``, the options of ``compute-<name>-feats``, a dataclass of
            `steps_py.formats.options.option` fields, derived from
            `steps_py.feats.feature_options.CommonOptions`;
            ``config_of(options)``, the Config that such options stand for.
            ``on_device``: `steps_py.feats.on_device` computes it, too; ``takes_warp``:
            ``compute`` has the keywords vtln_warp and exact.

The command ``compute-<name>-feats`` is made of that class; a file in <recipe>/local/ may register
a type of the recipe's own.
"""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
