"""The types of features: one class per file, registered by its name in ``feats.type``.

FEATURES    ``cls(config)`` with ``Config``, a dataclass whose ``frames`` is a FrameConfig;
            ``dim``; ``compute(samples_N) -> float32 (T, D)``, samples as in 16-bit audio;
            ``Options``, the options of ``compute-<name>-feats``, a dataclass of
            `steps_py.formats.options.option` fields, derived from FrameOptions and
            OutputOptions of `steps_py.feats.feature_options`; with MelOptions, too, ``compute``
            has the keywords vtln_warp and exact;
            ``config_of(options)``, the Config by such options (`config_by_options` there);
            ``on_device``, whether `steps_py.feats.on_device` computes it too;
            ``frequencies_hz``, the frequency of each dimension, float (D,), with nan for one that
            has none, or None; may be left out, then pictures number the dimensions;
            ``bands``, for features that are linear in logarithms of bands, such as cepstra: the
            matrix (B, D) and the frequency of each band, with nan for one that has none; may be
            left out, then maps of scores are of the features;
            ``holds_samples``, true if its values are samples of the recording; may be left out.

The command of a type that Kaldi does not have, ``python -m steps_py.kaldi compute-<name>-feats``,
is generated from the class. A file in <recipe>/local/ can register a type for one recipe.
"""

from steps_py.registry import import_modules

import_modules(__name__, __path__)
