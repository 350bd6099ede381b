"""Room impulse responses by the image method.

The walls of a box-shaped room reflect a source like mirror images; each image adds a delayed and
attenuated impulse.
Reference: J. Allen and D. Berkley, "Image method for efficiently simulating
small-room acoustics", J. Acoust. Soc. Am. 65(4), 1979.
"""

from math import log

from steps_py.synthesis import SAMPLE_RATE_HZ

SOUND_M_PER_SEC = 343.0
ROOM_SIZES_M = {  # (shortest, longest) length, width and height
    "smallroom": ((2, 10), (2, 10), (2, 4)),
    "mediumroom": ((10, 25), (10, 25), (3, 5)),
}
MAX_SEC = 0.8
HIGH_PASS_HZ = 100


def draw_room(rng, kind: str):
    """Length, width and height in metres, and the walls' reflection coefficient."""
    size_m = [float(rng.uniform(low, high)) for low, high in ROOM_SIZES_M[kind]]
    absorption = rng.uniform(0.25, 0.75)
    return size_m, float((1 - absorption) ** 0.5)


def draw_position(rng, size_m):
    """A place in the room, at least half a metre from each wall."""
    return [float(rng.uniform(0.5, side - 0.5)) for side in size_m]


def impulse_response(size_m, reflection, source_m, receiver_m):
    """The response from `source_m` to `receiver_m`, with a peak of 0.5.

    As in the paper, the response is high-passed: all impulses are positive, and the many late
    ones would otherwise add up to a low-frequency hum.
    """
    from scipy.signal import butter, sosfilt  # start-up time

    high_pass = butter(2, HIGH_PASS_HZ, "highpass", fs=SAMPLE_RATE_HZ, output="sos")
    response_K = sosfilt(high_pass, image_impulses(size_m, reflection, source_m, receiver_m))
    return 0.5 * response_K / abs(response_K).max()


def image_impulses(size_m, reflection, source_m, receiver_m):
    """One impulse for each image of the source, at its delay and with its weight.

    Delays are rounded to samples, as in the paper.  The response
    ends where reverberation has decayed by 60 dB (Eyring), or after `MAX_SEC`.

    Examples
    --------
    The direct sound of a source 3.43 m away comes after 10 ms:

    >>> h = image_impulses([9, 9, 9], 0.5, [2, 4, 4], [5.43, 4, 4])
    >>> int(h.argmax()), round(float(h.max()), 4) == round(1 / 3.43, 4)
    (160, True)
    """
    import numpy as np  # start-up time

    length_sec = min(MAX_SEC, rt60_sec(size_m, reflection) + 0.05)
    axes = [
        _images(side, length_sec * SOUND_M_PER_SEC, source, receiver)
        for side, source, receiver in zip(size_m, source_m, receiver_m, strict=True)
    ]
    (x_A, bounces_A), (y_B, bounces_B), (z_C, bounces_C) = axes
    squared = (x_A**2)[:, None, None] + (y_B**2)[:, None] + z_C**2
    distance_m = np.sqrt(squared).ravel()
    bounces = (bounces_A[:, None, None] + bounces_B[:, None] + bounces_C).ravel()
    delay = np.rint(distance_m / SOUND_M_PER_SEC * SAMPLE_RATE_HZ).astype(int)
    audible = delay < round(length_sec * SAMPLE_RATE_HZ)
    gain = reflection ** bounces[audible] / np.maximum(distance_m[audible], 0.1)
    return np.bincount(delay[audible], weights=gain)


def rt60_sec(size_m, reflection):
    """The time in which sound decays by 60 dB in a box with even walls (Eyring's formula)."""
    length, width, height = size_m
    volume = length * width * height
    surface = 2 * (length * width + width * height + height * length)
    return 0.161 * volume / (-surface * log(reflection**2))


def _images(side_m, reach_m, source_m, receiver_m):
    """Along one axis: distance of each image from the receiver, and its number of bounces."""
    import numpy as np  # start-up time

    count = int(reach_m / (2 * side_m)) + 1
    turns = np.arange(-count, count + 1)
    even = 2 * turns * side_m + source_m - receiver_m
    odd = 2 * turns * side_m - source_m - receiver_m
    bounces = [np.abs(2 * turns), np.abs(2 * turns - 1)]
    return np.concatenate([even, odd]), np.concatenate(bounces)
