"""Sections ``scores`` and ``metrics`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.settings.declare import Keywords, Named, Seed, section, setting

Prior = Annotated[float, Keywords(exclusiveMinimum=0, exclusiveMaximum=1)]
Chain = Annotated[list[Named], Keywords(minItems=1)]
Name = {"pattern": "^[A-Za-z0-9_]+$", "expected": "use letters, digits and _"}


@dataclass(frozen=True, kw_only=True)
class ScoresConfig:
    """Section ``scores`` of a recipe."""

    systems: list[str] | dict[str, Chain] = setting(
        ["plda", "cosine"],
        "name -> chain of steps, each a name or {name: {options}}; or a list of built-in chains:"
        " plda, cosine, lda_cosine. docs/scoring.md",
        minItems=1,
        uniqueItems=True,
        minProperties=1,
        propertyNames=Name,
    )


@dataclass(frozen=True, kw_only=True)
class BootstrapConfig:
    """Section ``metrics.bootstrap``: intervals and tests of differences."""

    draws: int = setting(
        1000, "draws of speakers, for 95 % intervals and paired tests; 0: neither", minimum=0
    )
    seed: Seed = setting(0, "of the draws")


@dataclass(frozen=True, kw_only=True)
class ConditionConfig:
    """An entry of ``metrics.conditions``."""

    table: str | None = setting(
        None,
        "table of the values: a file in the data directory of each set, or with a / a path for all"
        " sets; lines '<utterance> <value>', or '<speaker> <value>' if its name begins with spk2;"
        " null: utt2<name>",
    )
    bins: list[float] | None = setting(
        None, "values are numbers, and these the ends of bins: [2, 4] makes <2, 2..4, >=4"
    )


@dataclass(frozen=True, kw_only=True)
class MetricsConfig:
    """Section ``metrics`` of a recipe."""

    p_target: list[Prior] = setting(
        [0.01, 0.001],
        "priors of a target trial: metrics that have an option p_target are computed at each",
        minItems=1,
    )
    measures: list[Named] = setting(
        ["eer", "min_dcf"],
        "metrics, in the order of the columns: name or {name: {options}}, as"
        " {min_dcf: {p_target: 0.05, c_miss: 10}}. docs/scoring.md",
        minItems=1,
    )
    bootstrap: BootstrapConfig = section(BootstrapConfig, "intervals and tests of differences")
    conditions: dict[str, ConditionConfig] = setting(
        {},
        "name -> table of a value of each utterance, by which metrics are also computed, as"
        " {duration_sec: {table: utt2dur, bins: [2, 4]}}. docs/scoring.md",
        propertyNames=Name,
    )
