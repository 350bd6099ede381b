"""Calibration.

Shape suffixes (scope: this module):
    P = priors
"""

import numpy as np
from bokeh.models import ColumnDataSource, Range1d

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures, Text
from steps_py.report.style import add_legend, colour, new_figure
from steps_py.scoring.error_rates import error_rates

LOG_ODDS_P = np.linspace(-7, 7, 113)


@REPORT_SECTIONS.register("calibration")
class Calibration(Section):
    """Normalised Bayes error rates: actual costs of scores taken as log-likelihood ratios.

    N. Brummer and E. de Villiers, "The BOSARIS Toolkit", 2013.
    """

    title = "Calibration"

    def blocks(self):
        return [
            Figures([self._plot(trials) for trials in self.run.lists]),
            Text(
                "Cost divided by that of deciding without scores, at each prior. Lines: scores"
                " taken as log-likelihood ratios; dashes: the best threshold at each prior. Where"
                " the two lie together, the system is calibrated; a line above 1 is worse than no"
                " scores at all, as of systems without a step of calibration."
            ),
        ]

    def _plot(self, trials):
        tooltips = [("system", "$name"), ("log odds", "@x"), ("normalised cost", "@y")]
        plot = new_figure(
            trials, "log odds of the prior", "normalised Bayes error rate", tooltips,
            y_range=Range1d(0, 1.2),
        )  # fmt: skip
        items = []
        for number, system in enumerate(self.run.systems):
            scored = self.run.scored(system, trials)
            actual_P, lowest_P = normalised_costs(scored.score, scored.target, LOG_ODDS_P)
            lines = [
                plot.line(
                    "x", "y", source=ColumnDataSource({"x": LOG_ODDS_P, "y": y_P}), name=system,
                    color=colour(number), line_width=2, line_dash=dashes,
                )
                for y_P, dashes in ((actual_P, "solid"), (lowest_P, "dashed"))
            ]  # fmt: skip
            items.append((system, lines))
        add_legend(plot, items)
        return plot


def normalised_costs(score_T: np.ndarray, target_T: np.ndarray, log_odds_P: np.ndarray):
    """Actual and minimum cost at each prior, divided by that of the better trivial decision.

    >>> actual_P, lowest_P = normalised_costs(
    ...     np.array([5.0, -5.0]), np.array([True, False]), np.array([0.0, 6.0]))
    >>> actual_P.tolist(), lowest_P.tolist()
    ([0.0, 1.0], [0.0, 0.0])
    """
    prior_P = 1 / (1 + np.exp(-log_odds_P))
    target, nontarget = np.sort(score_T[target_T]), np.sort(score_T[~target_T])
    p_miss_P = np.searchsorted(target, -log_odds_P) / len(target)
    p_fa_P = 1 - np.searchsorted(nontarget, -log_odds_P) / len(nontarget)
    trivial_P = np.minimum(prior_P, 1 - prior_P)
    p_miss_K, p_fa_K = error_rates(target, nontarget)
    lowest_P = [np.min(p * p_miss_K + (1 - p) * p_fa_K) for p in prior_P]
    return (prior_P * p_miss_P + (1 - prior_P) * p_fa_P) / trivial_P, lowest_P / trivial_P
