"""The number that a search makes small, read from the folder of a trial that has run."""

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from steps_py.errors import StepsError
from steps_py.search.config import ObjectiveConfig

EPOCHS = "exp/model/epochs.tsv"


def target_of(objective: ObjectiveConfig) -> str:
    """The file that the run of a trial makes.

    >>> target_of(ObjectiveConfig(metric="eer", list="dev"))
    'exp/metrics/dev.tsv'
    """
    return f"exp/metrics/{objective.list}.tsv" if objective.metric == "eer" else EPOCHS


def value_of(objective: ObjectiveConfig, folder: Path, config: Mapping) -> float:
    """The objective of a trial; StepsError if it has none, or one that is not finite.

    An EER is a fraction. `config` is the recipe's, with defaults.
    """
    if objective.metric == "eer":
        system = objective.system or next(iter(config["scores"]["systems"]))
        table = pd.read_csv(folder / target_of(objective), sep="\t", keep_default_na=False)
        rows = table[
            (table.system == system) & (table.metric == "eer_percent") & (table.condition == "")
        ]
        value = float(rows.value.iloc[0]) / 100
    else:
        values = epoch_values(folder, objective.metric)
        value = values[-1] if values else math.nan
    if not math.isfinite(value):
        raise StepsError(
            f"{folder}: has no {objective.metric}; it is {value}. Does the recipe hold out data,"
            " and does its loss classify?"
        )
    return value


def epoch_values(folder: Path, metric: str) -> list[float]:
    """A column of epochs.tsv, so far; nan where an epoch has no value."""
    path = folder / EPOCHS
    if not path.exists():
        return []
    table = pd.read_csv(path, sep="\t")
    return [float(value) for value in table[metric]]
