"""Section ``augment`` of a recipe."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from steps_py.errors import ConfigError
from steps_py.settings.declare import Keywords, Seed, part, setting

MAX_TERM = 100  # of numerator and denominator of a speed

Speed = Annotated[float, Keywords(minimum=0.5, maximum=2)]
Kind = Annotated[dict, part("kind of augmentation", named_by_key=True)]


@dataclass(frozen=True, kw_only=True)
class OnlineConfig:
    """Section ``augment.online``.  Each speed other than 1 adds a new speaker for every speaker."""

    probability: float = setting(
        0.6,
        "probability of augmenting a chunk; each kind is equally likely",
        minimum=0,
        maximum=1,
    )
    speeds: list[Speed] = setting(
        [1.0],
        "speeds of the training recordings, including 1.0; other speeds are new speakers",
        minItems=1,
    )

    def __post_init__(self):
        ratios = [ratio_of(speed) for speed in self.speeds]
        if 1 not in ratios or len(set(ratios)) < len(ratios):
            raise ConfigError(
                f"augment.online.speeds: {self.speeds} must include 1.0, and each speed only once."
            )


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Section ``augment`` of a recipe.

    `copies` maps the suffix of the copies to a section of one of `KINDS`; the suffix
    is also the kind, unless the section has a ``name``.  At most `num_utts` copies
    are made, drawn at random from all (utterance, suffix) pairs; None: all of them.
    """

    copies: dict[str, Kind] = setting(
        {},
        "kinds of copies of data/train, each with its own keys; none: no augmentation",
        propertyNames={"pattern": "^[^\\s/]+$", "expected": "a suffix has no blanks and no slash"},
    )
    num_utts: int | None = setting(
        None, "copies to draw at random from all of them; null: all", minimum=1
    )
    online: OnlineConfig | None = setting(
        None,
        "with train.input waveform: each chunk is augmented by a new draw from the kinds in copies;"
        " copies are then made for backend.train_sets only; null: no augmentation of chunks",
    )
    keep_feats: bool = setting(
        True, "false: delete the features of the copies after the network is trained"
    )
    seed: Seed = setting(1)


def ratio_of(speed: float, where: str = "augment.online.speeds") -> Fraction:
    """A speed as a Fraction of small integers; ConfigError outside of 0.5 to 2.

    >>> ratio_of(0.9), ratio_of(1.1)
    (Fraction(9, 10), Fraction(11, 10))
    """
    ratio = Fraction(speed).limit_denominator(MAX_TERM)
    if not 0.5 <= ratio <= 2 or abs(float(ratio) - speed) > 1e-6:
        raise ConfigError(f"{where}: {speed} is not a speed. Use 0.5 to 2, such as 0.9 or 1.1.")
    return ratio
