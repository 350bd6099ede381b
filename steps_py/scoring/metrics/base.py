"""What all metrics share: their names, their form in a table, and how they are computed.

METRICS  ``cls(config)`` with a frozen dataclass ``Config``, the options of the metric; one that
         has an option ``p_target`` is computed for each of the recipe's ``metrics.p_target``
         unless its own is given; ``name``, ``title``, ``text(value)`` and
         ``compute(target_scores, nontarget_scores)``, as `Metric` documents them.
"""

from typing import ClassVar

import numpy as np

from steps_py.registry import Registry

METRICS = Registry("metric", home="steps_py.scoring.metrics")


class Metric:
    """Base of all metrics.

    Attributes
    ----------
    name : str
        In ``results/metrics.tsv``, with its unit and the options that tell it from others of its
        class: ``min_dcf_0.01``.
    title : str
        The column's title in ``results/<trials>_eer.txt``.
    decimals, min_width : int
        The form of the values in that column.
    """

    name: str
    title: str
    decimals: ClassVar[int] = 4
    min_width: ClassVar[int] = 12

    def __init__(self, config):
        self.config = config

    def compute(self, target_scores: np.ndarray, nontarget_scores: np.ndarray) -> float:
        """The metric of finite scores, at least one of each kind and in any order."""
        raise NotImplementedError

    def text(self, value: float) -> str:
        """The value as a person reads it."""
        return f"{value:.{self.decimals}f}"
