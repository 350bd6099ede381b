"""What all metrics share: their names, their form in a table, and how they are computed.

METRICS  ``cls(config)`` with a frozen dataclass ``Config``, the options of the metric; one that
         has an option ``p_target`` is computed for each of the recipe's ``metrics.p_target``
         unless its own is given; ``name``, ``title``, ``text(value)`` and ``compute(trials)``,
         as `Metric` documents them.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steps_py.registry import Registry
from steps_py.scoring.weighted_trials import WeightedTrials

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
    higher_is_better : bool
        Whether the best system is the one with the highest value.
    needs_llr : bool
        Whether the scores must be log-likelihood ratios: see `LlrMetric`.
    identifies : bool
        Whether it is of test utterances that are compared with several models each, and not of
        trials: `steps_py.scoring.identification`.
    systems : list of str or None
        The systems that it is computed for; None: all.
    """

    name: str
    title: str
    decimals: ClassVar[int] = 4
    min_width: ClassVar[int] = 12
    higher_is_better: ClassVar[bool] = False
    needs_llr: ClassVar[bool] = False
    identifies: ClassVar[bool] = False
    systems: list[str] | None = None

    def __init__(self, config):
        self.config = config

    def compute(self, trials: WeightedTrials) -> np.ndarray:
        """The metric under each of the weightings of `trials`, a float array (D,).

        `trials` has error rates with a row for each weighting, and means of any function of
        the scores.  The value of a list is computed from one weighting, in which each trial
        counts once; the interval from a weighting for each draw of the bootstrap.
        """
        raise NotImplementedError

    def is_for(self, system: str) -> bool:
        """Whether it is computed for the system of that name."""
        return self.systems is None or system in self.systems

    def text(self, value: float) -> str:
        """The value as a person reads it."""
        return f"{value:.{self.decimals}f}"

    def interval_text(self, low: float, high: float) -> str:
        """The ends of an interval as a person reads them, with one digit less."""
        return f"[{low:.{self.decimals - 1}f}, {high:.{self.decimals - 1}f}]"


class LlrMetric(Metric):
    """Base of metrics of scores that are natural log-likelihood ratios.

    They are computed for calibrated systems alone: those whose chain ends with a step that says
    so (``Step.calibrates``).
    """

    needs_llr = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        systems: list[str] | None = None  # for which it is computed; null: all

    def __init__(self, config):
        super().__init__(config)
        self.systems = config.systems
