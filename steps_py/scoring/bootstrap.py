"""Intervals of metrics, and tests of differences: the speakers of a list are drawn again and again.

Trials that share a speaker are not independent, so speakers are drawn and not trials: as many as
the list has, with replacement, on both sides of a trial at once.  A trial of two speakers counts as
often as the product of the times that they were drawn says, a trial of one speaker as often as
that speaker was drawn: the vertex bootstrap of Snijders and Borgatti 1999, "Non-parametric standard
errors and tests for network statistics"; for the products, Owen and Eckles 2012, "Bootstrapping
data arrays of arbitrary order"; for speakers as the unit, Poh and Bengio 2007.  Two systems are
compared on the same draws (Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in
ASR performance evaluation").

Shape suffixes (scope: this module):
    S = speakers   D = draws
"""

import numpy as np

CONFIDENCE = 0.95


def draw_speakers(num_speakers: int, num_draws: int, seed: int) -> np.ndarray:
    """How often each speaker is drawn; int32 (S, D).

    >>> draw_speakers(3, 4, seed=0).sum(axis=0)
    array([3, 3, 3, 3])
    """
    rng = np.random.default_rng(seed)
    times_SD = np.empty((num_speakers, num_draws), np.int32)
    for draw in range(num_draws):
        drawn = rng.integers(num_speakers, size=num_speakers)
        times_SD[:, draw] = np.bincount(drawn, minlength=num_speakers)
    return times_SD


def interval(value_D: np.ndarray) -> tuple[float, float]:
    """The ends between which the middle 95 % of the draws lie; nan if there are none.

    Draws of nan, in which the metric does not exist, are left out.

    >>> low, high = interval(np.arange(1001.0))
    >>> print(f"{low:.1f} {high:.1f}")
    25.0 975.0
    """
    value_D = value_D[np.isfinite(value_D)]
    if not value_D.size:
        return np.nan, np.nan
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(value_D, [tail, 1 - tail])
    return float(low), float(high)


def two_sided_p(difference_D: np.ndarray) -> float:
    """The probability of a difference as large if there were none; nan without draws.

    Twice the share of draws on the other side of zero, or at it, where one draw is added to each
    count, so that p is never 0 (Davison and Hinkley 1997, section 4.2).

    >>> two_sided_p(np.array([1.0] * 995 + [-1.0] * 4))
    0.01
    """
    difference_D = difference_D[np.isfinite(difference_D)]
    if not difference_D.size:
        return np.nan
    counts = np.count_nonzero(difference_D <= 0), np.count_nonzero(difference_D >= 0)
    return float(min(1.0, 2 * (1 + min(counts)) / (1 + difference_D.size)))
