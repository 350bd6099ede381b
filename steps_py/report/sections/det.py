"""Detection error trade-off.

Shape suffixes (scope: this module):
    K = operating points
"""

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker
from scipy.special import ndtri

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures, Text
from steps_py.report.style import add_legend, colour, dash, new_figure
from steps_py.scoring.error_rates import error_rates
from steps_py.scoring.operating_point import bayes_threshold

TICKS_PERCENT = [0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 95]
MAX_POINTS = 400


@REPORT_SECTIONS.register("det")
class Det(Section):
    """DET curves of all systems on each list, with the operating points of the costs.

    A. Martin et al., "The DET curve in assessment of detection task performance",
    Eurospeech 1997.
    """

    title = "Detection error trade-off"

    def blocks(self):
        priors = self.run.config["metrics"]["p_target"]
        return [
            Figures([self._plot(trials, priors) for trials in self.run.lists]),
            Text(
                "Axes are scaled so that normally distributed scores give straight lines. Circles:"
                f" the threshold of the lowest cost at P(target) {', '.join(map(str, priors))};"
                " crosses: the threshold that the scores themselves imply as log-likelihood"
                " ratios. A click on a name in the legend hides its curve."
            ),
        ]

    def _plot(self, trials, priors):
        plot = new_figure(
            trials,
            "false accepts, %",
            "false rejects, %",
            [("system", "$name"), ("false accepts", "@p_fa %"), ("false rejects", "@p_miss %")],
        )
        plot.height = 480
        items, seen = [], []
        for number, system in enumerate(self.run.systems):
            scored = self.run.scored(system, trials)
            target, nontarget = scored.score[scored.target], scored.score[~scored.target]
            p_miss_K, p_fa_K = error_rates(target, nontarget)
            look = {"name": system, "color": colour(number), "line_dash": dash(number)}
            shown = _spread(p_miss_K, p_fa_K, len(target), len(nontarget))
            line = plot.line("x", "y", source=_source(*shown), line_width=2, **look)
            cost = [_lowest_cost(p_miss_K, p_fa_K, prior) for prior in priors]
            implied = [_at(target, nontarget, bayes_threshold(prior)) for prior in priors]
            points = [
                plot.scatter("x", "y", marker=marker, source=_source(*np.transpose(of)), size=9,
                             name=system, fill_alpha=0, line_color=colour(number), line_width=2)
                for marker, of in (("circle", cost), ("x", implied))
            ]  # fmt: skip
            items.append((system, [line, *points]))
            seen.append(np.concatenate(shown))
        _probit_axes(plot, np.concatenate(seen))
        add_legend(plot, items)
        return plot


def _spread(p_miss_K, p_fa_K, num_targets, num_nontargets):
    """Points of the curve that are seen apart: both rates inside (0, 1), at most MAX_POINTS."""
    inside = (p_miss_K >= 0.5 / num_targets) & (p_miss_K <= 1 - 0.5 / num_targets)
    inside &= (p_fa_K >= 0.5 / num_nontargets) & (p_fa_K <= 1 - 0.5 / num_nontargets)
    p_miss_K, p_fa_K = p_miss_K[inside], p_fa_K[inside]
    along_K = ndtri(p_miss_K) - ndtri(p_fa_K)
    if len(along_K) > MAX_POINTS:
        places = np.linspace(along_K[0], along_K[-1], MAX_POINTS)
        kept = np.unique(np.searchsorted(along_K, places).clip(0, len(along_K) - 1))
        p_miss_K, p_fa_K = p_miss_K[kept], p_fa_K[kept]
    return p_miss_K, p_fa_K


def _lowest_cost(p_miss_K, p_fa_K, prior):
    k = np.argmin(prior * p_miss_K + (1 - prior) * p_fa_K)
    return p_miss_K[k], p_fa_K[k]


def _at(target, nontarget, threshold):
    return np.mean(target < threshold), np.mean(nontarget >= threshold)


def _source(p_miss_K, p_fa_K):
    with np.errstate(divide="ignore"):
        return ColumnDataSource({
            "x": _finite(ndtri(p_fa_K)), "y": _finite(ndtri(p_miss_K)),
            "p_fa": [f"{100 * p:.3g}" for p in p_fa_K],
            "p_miss": [f"{100 * p:.3g}" for p in p_miss_K],
        })  # fmt: skip


def _finite(x_K):
    """Rates of 0 and 1 at the edge of the widest plot."""
    return np.clip(x_K, *ndtri(np.array([TICKS_PERCENT[0], 100 - TICKS_PERCENT[0]]) / 100))


def _probit_axes(plot, p_K):
    """Ticks in percent, and a range that shows the curves and not the empty corners."""
    ticks = ndtri(np.array(TICKS_PERCENT) / 100)
    lowest = np.quantile(p_K, 0.02) if p_K.size else 0.01
    low, high = ndtri(np.clip([lowest / 2, 0.6], 1e-5, 0.999))
    for axis, shown in ((plot.xaxis, plot.x_range), (plot.yaxis, plot.y_range)):
        axis.ticker = FixedTicker(ticks=list(ticks))
        axis.major_label_overrides = {
            float(tick): f"{percent:g}" for tick, percent in zip(ticks, TICKS_PERCENT, strict=True)
        }
        shown.start, shown.end = float(low), float(high)
