"""Sections ``scores`` and ``metrics`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.settings.declare import Keywords, setting

Prior = Annotated[float, Keywords(exclusiveMinimum=0, exclusiveMaximum=1)]
# a name, or {name: {options}}
Named = str | Annotated[dict[str, dict | None], Keywords(minProperties=1, maxProperties=1)]
Chain = Annotated[list[Named], Keywords(minItems=1)]


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
        propertyNames={"pattern": "^[A-Za-z0-9_]+$", "expected": "use letters, digits and _"},
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
