"""Section ``augment.online`` of a recipe: chunks altered, speeds changed while they are read."""

import dataclasses
from fractions import Fraction

from steps_py.errors import ConfigError

LARGEST = 100  # numerator and denominator of a speed


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnlineConfig:
    """Section ``augment.online``: `probability` of a chunk to be altered, by any kind alike.

    `speeds` other than 1 make new speakers of all speakers.
    """

    probability: float = 0.6
    speeds: list = dataclasses.field(default_factory=lambda: [1.0])

    def __post_init__(self):
        ratios = [ratio_of(speed) for speed in self.speeds]
        if 1 not in ratios or len(set(ratios)) < len(ratios):
            raise ConfigError(
                f"augment.online.speeds: {self.speeds} must name 1.0, and each speed once."
            )


def ratio_of(speed):
    """A speed as a Fraction; ConfigError if it is none of small whole numbers from 0.5 to 2.

    >>> ratio_of(0.9), ratio_of(1.1)
    (Fraction(9, 10), Fraction(11, 10))
    """
    ratio = Fraction(speed).limit_denominator(LARGEST)
    if not 0.5 <= ratio <= 2 or abs(float(ratio) - speed) > 1e-6:
        raise ConfigError(
            f"augment.online.speeds: {speed} is no speed. Give 0.5 to 2, such as 0.9 or 1.1."
        )
    return ratio
