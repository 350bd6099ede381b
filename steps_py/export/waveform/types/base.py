"""The registry of feature types that can be exported, and their contract.

EXPORTED_FEATURES  By the names of ``feats.type``: ``cls(config)`` with the Config of the type in
                   `steps_py.feats.types`; ``forward(samples_N)``, float64 samples in units of
                   16-bit audio, gives the features (T, D) that ``compute`` gives there, without
                   dither.  It consists of operations that torch.export describes for any number
                   of samples.
"""

from steps_py.registry import Registry

EXPORTED_FEATURES = Registry("exported feature type", home="steps_py.export.waveform.types")
