"""Cost of log-likelihood ratios."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.scoring.metrics.base import METRICS, LlrMetric

if TYPE_CHECKING:
    from steps_py.scoring.weighted_trials import WeightedTrials


@METRICS.register("cllr")
class Cllr(LlrMetric):
    """Cllr in bits: 0 for a perfect system, 1 for one that always says 0; scores must be LLRs.

    Half of mean log2(1 + exp(-s)) over targets plus mean log2(1 + exp(s)) over nontargets.
    Brümmer and du Preez 2006.
    """

    name, title = "cllr_bits", "Cllr"

    @dataclass(frozen=True, kw_only=True)
    class Config(LlrMetric.Config):
        pass

    def compute(self, trials: "WeightedTrials") -> np.ndarray:
        return (trials.target_mean(_cost_of_targets) + trials.nontarget_mean(_cost)) / 2


def _cost(scores):
    return np.logaddexp(0, scores) / np.log(2)


def _cost_of_targets(scores):
    return _cost(-scores)
