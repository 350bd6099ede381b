"""What metrics have in common that are taken at the Bayes threshold."""

from dataclasses import dataclass
from typing import ClassVar

from steps_py.scoring.metrics.base import LlrMetric
from steps_py.scoring.operating_point import bayes_threshold, check_operating_point, named


class BayesMetric(LlrMetric):
    """Base of metrics at the threshold that a prior and two costs set for LLRs.

    A trial is accepted from log(c_fa (1 - p_target) / (c_miss p_target)) on.

    Attributes
    ----------
    names : tuple of two str
        ``name`` and ``title`` without the operating point.
    threshold : float
    """

    names: ClassVar[tuple[str, str]]

    @dataclass(frozen=True, kw_only=True)
    class Config(LlrMetric.Config):
        p_target: float  # prior of a target trial
        c_miss: float = 1.0
        c_fa: float = 1.0

    def __init__(self, config):
        super().__init__(config)
        check_operating_point(self.names[0], config)
        self.name, self.title = named(*self.names, config)
        self.threshold = bayes_threshold(config.p_target, config.c_miss, config.c_fa)
