"""Section ``attribution`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.errors import ConfigError
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
        "table (.scp or .ark) of a vector of labels, such as phones, for each utterance, one"
        " integer a frame, relative to the recipe's folder; null: averages are of feature"
        " dimensions only",
    )
    label_names: str | None = setting(
        None,
        "file of lines `name label`, as Kaldi's phones.txt; labels with one name, such as a class"
        " of phones, count together; null: each label is its own",
    )
    seed: Seed = setting(1, "of the draw")

    def __post_init__(self):
        if self.label_names is not None and self.frame_labels is None:
            raise ConfigError(
                "'attribution.label_names' is given without 'attribution.frame_labels'. Add it, or"
                " remove the names."
            )
