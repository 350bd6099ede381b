"""Section ``augment`` of a recipe."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from steps_py.errors import ConfigError
from steps_py.settings.declare import Keywords, Seed, part, setting

LARGEST = 100  # numerator and denominator of a speed

Speed = Annotated[float, Keywords(minimum=0.5, maximum=2)]
Kind = Annotated[dict, part("kind of augmentation", named_by_key=True)]


@dataclass(frozen=True, kw_only=True)
class OnlineConfig:
    """Section ``augment.online``.  Speeds other than 1 make new speakers of all speakers."""

    probability: float = setting(
        0.6, "of a chunk to be altered; each kind is equally likely", minimum=0, maximum=1
    )
    speeds: list[Speed] = setting(
        [1.0],
        "of the training recordings, 1.0 among them; speakers at another speed are new speakers",
        minItems=1,
    )

    def __post_init__(self):
        ratios = [ratio_of(speed) for speed in self.speeds]
        if 1 not in ratios or len(set(ratios)) < len(ratios):
            raise ConfigError(
                f"augment.online.speeds: {self.speeds} must name 1.0, and each speed once."
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
        "with train.input waveform: each chunk is altered by a new draw from the kinds in copies;"
        " copies are then made for backend.train_sets only; null: chunks stay as recorded",
    )
    keep_feats: bool = setting(
        True, "false: the copies' features are deleted once the network is trained"
    )
    seed: Seed = setting(1)


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
