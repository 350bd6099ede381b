"""How much each feature dimension differs between speakers, relative to within speakers.

Shape suffixes: S speakers, T frames, D feature dimension.

Reference: J. J. Wolf, "Efficient acoustic parameters for speaker recognition", JASA 51, 1972.
"""

from collections.abc import Iterable

import numpy as np


def f_ratio(feats: Iterable[tuple[str, np.ndarray]]) -> np.ndarray:
    r"""The F-ratio (D,) of the frames (T, D) of utterances and their speakers.

    .. math:: F = \frac{\overline{(\mu_s - \overline{\mu})^2}}
              {\overline{\mathrm{var}_s}}

    with the mean and the variance of the frames of each speaker s, and means over speakers.  It is
    nan for a dimension that does not vary within any speaker, and for fewer than two speakers.
    The unit of a dimension does not matter.

    >>> one, other = np.array([[1.0], [3.0]]), np.array([[5.0], [7.0]])
    >>> f_ratio([("ann", one), ("bob", other)])    # means 2 and 6, variances 1
    array([4.])
    """
    sums: dict[str, list] = {}
    for spk, x_TD in feats:
        x_TD = np.asarray(x_TD, np.float64)
        entry = sums.setdefault(spk, [0, 0.0, 0.0])
        if entry[0] == 0 and len(x_TD):
            entry.append(x_TD[0])  # sums are of differences from a frame: no digits are lost
        if len(x_TD):
            centred_TD = x_TD - entry[3]
            entry[0] += len(x_TD)
            entry[1] = entry[1] + centred_TD.sum(axis=0)
            entry[2] = entry[2] + (centred_TD**2).sum(axis=0)
    heard = [entry for entry in sums.values() if entry[0]]
    if not heard:
        return np.empty(0)
    shift_SD = np.stack([entry[1] / entry[0] for entry in heard])
    mean_SD = shift_SD + np.stack([entry[3] for entry in heard])
    variance_SD = np.stack([entry[2] / entry[0] for entry in heard]) - shift_SD**2
    within_D = variance_SD.clip(min=0).mean(axis=0)
    is_known_D = (within_D > 0) & (len(heard) > 1)
    within_D = np.where(is_known_D, within_D, np.nan)
    return mean_SD.var(axis=0) / within_D
