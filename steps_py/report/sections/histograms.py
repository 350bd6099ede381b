"""Distributions of scores."""

import numpy as np

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures
from steps_py.report.style import add_legend, colour, new_figure

NUM_BINS = 60


@REPORT_SECTIONS.register("histograms")
class Histograms(Section):
    """Densities of the scores of target and nontarget trials, of each system on each list."""

    title = "Scores"

    def blocks(self):
        pairs = [(system, trials) for trials in self.run.lists for system in self.run.systems]
        return [Figures([self._plot(*pair) for pair in pairs])]

    def _plot(self, system, trials):
        scored = self.run.scored(system, trials)
        edges = np.histogram_bin_edges(scored.score, NUM_BINS)
        plot = new_figure(
            f"{system} on {trials}",
            "score",
            "density",
            [("score", "@left to @right"), ("", "$name")],
        )
        items = []
        for number, (kind, is_kind) in enumerate(
            [("nontarget", ~scored.target), ("target", scored.target)]
        ):
            density, _ = np.histogram(scored.score[is_kind], edges, density=True)
            bars = plot.quad(
                left=edges[:-1], right=edges[1:], bottom=0, top=density,
                color=colour(number), alpha=0.5, name=kind,
            )  # fmt: skip
            items.append((kind, [bars]))
        plot.y_range.start = 0
        add_legend(plot, items)
        return plot
