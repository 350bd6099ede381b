"""Section ``system`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.settings.declare import Keywords, setting

Prior = Annotated[float, Keywords(exclusiveMinimum=0, exclusiveMaximum=1)]


@dataclass(frozen=True, kw_only=True)
class SystemConfig:
    """Section ``system`` of a recipe: the file results/system.swx."""

    scores: str | None = setting(
        None,
        "name of scores.systems whose scores decide; null: the first that is calibrated, else the"
        " first, of those that score recordings without the recipe. docs/use.md",
    )
    calibrate_on: list[str] | None = setting(
        None,
        "trial lists on which scores are calibrated that are not; null: the first list of"
        " data.trials; []: none, and the file gives no probability",
    )
    p_target: list[Prior] = setting(
        [0.5, 0.1, 0.01, 0.001],
        "priors of a target trial whose thresholds are in the file; decisions take the first",
        minItems=1,
    )
