"""From a score to a log-likelihood ratio, a probability and a decision."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steps_py.errors import StepsError


def log_odds(probability: float) -> float:
    """The natural logarithm of p / (1 - p); StepsError outside of 0 to 1.

    >>> log_odds(0.5), round(log_odds(0.01), 3)
    (0.0, -4.595)
    """
    if not 0 < probability < 1:
        raise StepsError(f"prior: {probability} is no probability. Give more than 0, less than 1.")
    return math.log(probability / (1 - probability))


def probability_of(log_odds: float) -> float:
    """The probability of log odds, without overflow.

    >>> probability_of(0.0), probability_of(-1e4)
    (0.5, 0.0)
    """
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    return math.exp(log_odds) / (1 + math.exp(log_odds))


@dataclass(frozen=True)
class Calibration:
    """``llr = scale * score + offset`` of a system's scores, and what it was fitted on.

    Attributes
    ----------
    scale, offset : float
        1 and 0 where a step of the system calibrates.
    said : str
        What it was fitted on, for people.
    """

    scale: float
    offset: float
    said: str

    @classmethod
    def of(cls, described: Mapping[str, Any] | None) -> "Calibration | None":
        """That of a system file; None where its scores are not calibrated."""
        if described is None:
            return None
        return cls(described["scale"], described["offset"], described["said"])

    def llr(self, score):
        """The log-likelihood ratio, in nats, of a score or an array of scores."""
        if (self.scale, self.offset) == (1, 0):
            return score
        return self.scale * score + self.offset
