"""Integrated gradients."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from steps_py.attribution.methods.base import METHODS, Attribution, Method, completeness
from steps_py.settings.declare import Count, setting


@METHODS.register("integrated_gradients")
class IntegratedGradients(Method):
    """Gradients on the straight line from the baseline, times the difference from it.

    The map sums to the score less that of the baseline (completeness); the gap that the numerical
    integral leaves is in the facts.

    M. Sundararajan, A. Taly and Q. Yan, "Axiomatic attribution for deep networks", ICML 2017.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_steps: Count = setting(50, "points of the line")
        quadrature: Literal["gausslegendre", "middle"] = setting(
            "gausslegendre", "where they lie and how they weigh: Gauss-Legendre, or equally"
        )

    def attribute(self, explained):
        place_N, weight_N = self._points()
        difference_TD = explained.x_TD - explained.baseline_TD
        line = (explained.baseline_TD + float(place) * difference_TD for place in place_N)
        map_TD = difference_TD * explained.mean_gradient(line, weight_N.tolist())
        start = float(explained.scores(explained.baseline_TD[None])[0])
        facts = completeness(map_TD.double().sum(), explained.value() - start)
        return Attribution(map_TD, facts)

    def _points(self):
        num = self.config.num_steps
        if self.config.quadrature == "middle":
            return (np.arange(num) + 0.5) / num, np.full(num, 1 / num)
        place_N, weight_N = np.polynomial.legendre.leggauss(num)
        return (place_N + 1) / 2, weight_N / 2
