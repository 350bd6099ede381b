"""Signal steps one after the other.

Shapes: C channels, N samples of each.
"""

from collections.abc import Sequence

import numpy as np

from steps_py.audio.signal_steps.registry import SIGNAL_STEPS
from steps_py.settings.declare import name_and_options

LEAST, MOST = -32768, 32767  # of 16-bit audio


class SignalChain:
    """The steps that ``feats.signal_steps`` names.

    The result is rounded and limited to 16 bits, as in a file: the features are the same whether
    or not there is a file between.

    >>> chain = SignalChain([{"trim_silence": {"percentile": 50}}])
    >>> chain(np.array([[0.0, 3, 0, -4, 1, 0]]), 16000, "a.wav").tolist()
    [[3.0, 0.0, -4.0, 1.0]]
    """

    def __init__(self, elements: Sequence):
        named = [name_and_options(element) for element in elements]
        self.steps = [SIGNAL_STEPS.build({"name": name, **options}) for name, options in named]

    def __call__(self, samples_CN: np.ndarray, rate_hz: float, name: str) -> np.ndarray:
        """Samples float32 (C, N) in the units of 16-bit audio."""
        if not self.steps:
            return samples_CN
        for step in self.steps:
            samples_CN = step(samples_CN, rate_hz, name)
        return np.clip(np.rint(samples_CN), LEAST, MOST).astype(np.float32)
