"""Speed perturbation: audio resampled to another speed, as a new speaker.

Sample n at speed s is the recording at time n s.  Pitch and tempo change together, so each speed
of a speaker is a new speaker.

Source: T. Ko et al., "Audio augmentation for speech recognition", Interspeech 2015; as
new speakers: H. Yamamoto et al., "Speaker augmentation and bandwidth extension for deep
speaker embedding", Interspeech 2019.

Array suffixes (scope: this module):
    N = samples
"""

from collections.abc import Callable

import numpy as np

from steps_py.audio.resample import SincFilter, resample
from steps_py.augment.config import ratio_of

# Flat to 94 % of the band, 80 dB down beyond it: a fifth of the cost of FINE_FILTER.
SPEED_FILTER = SincFilter(cutoff=0.94, num_zeros=40, kaiser_beta=8.0)


def prefix_of(speed: float) -> str:
    """Prefix of utterances and speakers at a speed, as in Kaldi's recipes.

    >>> prefix_of(0.9), prefix_of(1.0)
    ('sp0.9-', '')
    """
    return "" if speed == 1 else f"sp{speed:g}-"


def read_at_speed(
    read: Callable[[int, int], np.ndarray], speed: float, first: int, end: int
) -> np.ndarray:
    """Samples [first, end) at a speed; ``read(first, end)`` reads the recording.

    At the end of the recording `read` returns fewer samples, and so does this function.  The
    context that the filter needs is read as well, so that a sample does not depend on `first` and
    `end`, up to rounding.
    """
    ratio = ratio_of(speed)
    num_in, num_out = ratio.numerator, ratio.denominator  # per unit
    context = -(-SPEED_FILTER.num_zeros * 2 // num_in)  # in units
    first_unit = max(0, first // num_out - context)
    end_unit = -(-end // num_out) + context
    x_N = read(first_unit * num_in, end_unit * num_in)
    y_N = resample(x_N, num_in, num_out, SPEED_FILTER)
    return y_N[first - first_unit * num_out : end - first_unit * num_out]
