"""Section ``plan`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.settings.declare import Count, Keywords, setting


@dataclass(frozen=True, kw_only=True)
class SizeConfig:
    """An entry of ``plan.sizes``."""

    utts: Count = setting()
    hours: Annotated[float, Keywords(exclusiveMinimum=0)] = setting()
    speakers: Count = setting(1)


@dataclass(frozen=True, kw_only=True)
class PlanConfig:
    """Section ``plan`` of a recipe; no result depends on it."""

    slots: list[Count] = setting(
        [10, 100, 1000], "numbers of slots (cores) to plan for", minItems=1
    )
    gpus: int = setting(1, "available GPUs; 0: the network is trained on processors", minimum=0)
    costs: str | None = setting(
        None, "a site's file of unit costs, which overrides steps_py/plan/costs.yaml"
    )
    sizes: dict[str, SizeConfig] = setting(
        {}, "sizes of parts <corpus>.<part> that are not prepared and have no published figures"
    )
