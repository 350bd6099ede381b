"""The detection costs that NIST's evaluations rank systems by."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from steps_py.scoring.metrics.act_dcf import ActDcf
from steps_py.scoring.metrics.base import METRICS, LlrMetric, Metric
from steps_py.scoring.metrics.min_dcf import MinDcf

if TYPE_CHECKING:
    import numpy as np

    from steps_py.scoring.weighted_trials import WeightedTrials

# Operating points (p_target, c_miss, c_fa), whose normalised costs are averaged; section 3.1 of the
# evaluation plans.
POINTS = {
    "sre08": [(0.01, 10, 1)],
    "sre10": [(0.001, 1, 1)],
    "sre16": [(0.01, 1, 1), (0.005, 1, 1)],
    "sre18_cmn2": [(0.01, 1, 1), (0.005, 1, 1)],
    "sre18_vast": [(0.05, 1, 1)],
}
Plan = Literal["sre08", "sre10", "sre16", "sre18_cmn2", "sre18_vast"]


def _costs(metric, plan):
    points = (dict(zip(("p_target", "c_miss", "c_fa"), p, strict=True)) for p in POINTS[plan])
    return [metric(metric.Config(**point)) for point in points]


@METRICS.register("min_c_primary")
class MinCPrimary(Metric):
    """NIST's C_primary with the best threshold at each of its operating points."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        plan: Plan

    def __init__(self, config):
        super().__init__(config)
        self.name, self.title = f"min_c_primary_{config.plan}", f"minC {config.plan}"
        self._costs = _costs(MinDcf, config.plan)

    def compute(self, trials: "WeightedTrials") -> "np.ndarray":
        return sum(cost.compute(trials) for cost in self._costs) / len(self._costs)


@METRICS.register("act_c_primary")
class ActCPrimary(LlrMetric):
    """NIST's C_primary with the thresholds that its priors and costs set for LLRs."""

    @dataclass(frozen=True, kw_only=True)
    class Config(LlrMetric.Config):
        plan: Plan

    def __init__(self, config):
        super().__init__(config)
        self.name, self.title = f"act_c_primary_{config.plan}", f"actC {config.plan}"
        self._costs = _costs(ActDcf, config.plan)

    def compute(self, trials: "WeightedTrials") -> "np.ndarray":
        return sum(cost.compute(trials) for cost in self._costs) / len(self._costs)
