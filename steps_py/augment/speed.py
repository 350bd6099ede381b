"""Speed perturbation: the same words faster or slower, higher or lower, by other speakers.

Sample n of audio at speed s is the recording at n s.  Pitch and tempo change together, so
each speed of a speaker counts as a speaker of its own.

Source: T. Ko et al., "Audio augmentation for speech recognition", Interspeech 2015; as
new speakers: H. Yamamoto et al., "Speaker augmentation and bandwidth extension for deep
speaker embedding", Interspeech 2019.

Array suffixes (scope: this module):
    N = samples
"""

from steps_py.audio.resample import SincFilter, resample
from steps_py.augment.config import ratio_of

# Flat to 94 % of the band, 80 dB down beyond it: a fifth of the cost of FINE_FILTER.
SPEED_FILTER = SincFilter(cutoff=0.94, num_zeros=40, kaiser_beta=8.0)


def prefix_of(speed):
    """Before the names of utterances and speakers at a speed, as Kaldi's recipes have it.

    >>> prefix_of(0.9), prefix_of(1.0)
    ('sp0.9-', '')
    """
    return "" if speed == 1 else f"sp{speed:g}-"


def read_at_speed(read, speed, first, end):
    """Samples [first, end) at a speed; ``read(first, end)`` gives those of the recording.

    `read` may return fewer samples where the recording ends, and so does this.  As long a
    stretch of the recording as the filter reaches is read around it, so that what comes out
    does not depend on where a stretch begins, but for rounding.
    """
    ratio = ratio_of(speed)
    num_in, num_out = ratio.numerator, ratio.denominator  # of a unit
    lead = -(-SPEED_FILTER.num_zeros * 2 // num_in)  # units
    first_unit = max(0, first // num_out - lead)
    end_unit = -(-end // num_out) + lead
    x_N = read(first_unit * num_in, end_unit * num_in)
    y_N = resample(x_N, num_in, num_out, SPEED_FILTER)
    return y_N[first - first_unit * num_out : end - first_unit * num_out]
