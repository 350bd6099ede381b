"""Section ``attribution`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.settings.declare import Count, Seed, part, setting


@dataclass(frozen=True, kw_only=True)
class AttributionConfig:
    """Section ``attribution`` of a recipe: results/attribution.tsv and its part of the report."""

    trials: str = setting(
        description="trial list whose scores are explained; its enrolments are single utterances"
    )
    method: Annotated[dict, part("attribution method")] = setting(
        description="what maps a score on the features: integrated_gradients, fullgrad, ..."
        " docs/explain.md"
    )
    num_trials: Count = setting(20, "target trials, and as many others, drawn from the list")
    frame_labels: str | None = setting(
        None,
        "table of a vector of labels, such as phones, for each utterance, one integer a frame,"
        " relative to the recipe's folder; null: averages are of feature dimensions only",
    )
    seed: Seed = setting(1, "of the draw")
