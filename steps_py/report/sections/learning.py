"""Learning curves."""

import numpy as np
from bokeh.models import ColumnDataSource, Span

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures
from steps_py.report.style import GREY, add_legend, colour, new_figure

PLOTS = {
    "loss": ("loss", {"train_loss": "training", "valid_loss": "held out"}),
    "accuracy": ("share of chunks", {"train_accuracy": "training", "valid_accuracy": "held out"}),
    "EER of held-out speakers": ("EER, fraction", {"valid_eer": "held out"}),
    "learning rate": ("learning rate", {"lr": "learning rate"}),
}
TERMS = "objective_"  # columns with the mean values of objectives


@REPORT_SECTIONS.register("learning")
class Learning(Section):
    """Losses, accuracy, validation EER and learning rate of each epoch of every training stage."""

    title = "Training"

    def blocks(self):
        epochs = self.run.epochs
        if epochs is None or epochs.empty:
            return []
        terms = {c: c.removeprefix(TERMS) for c in epochs if c.startswith(TERMS)}
        wanted = PLOTS | {"objectives": ("term, without its weight", terms)}
        plots = [self._plot(epochs, name, *of) for name, of in wanted.items()]
        return [Figures([plot for plot in plots if plot is not None])]

    def _plot(self, epochs, name, y_label, columns):
        columns = {
            c: label for c, label in columns.items() if c in epochs and epochs[c].notna().any()
        }
        if not columns:
            return None
        x = np.arange(1, len(epochs) + 1)
        plot = new_figure(name, "epoch", y_label, [("epoch", "@x"), ("", "$name: @y")])
        items = []
        for number, (column, label) in enumerate(columns.items()):
            kept = epochs[column].notna().to_numpy()
            source = ColumnDataSource({"x": x[kept], "y": epochs[column].to_numpy()[kept]})
            look = {"source": source, "color": colour(number), "name": label}
            items.append((label, [plot.line("x", "y", line_width=2, **look),
                                  plot.scatter("x", "y", size=5, **look)]))  # fmt: skip
        for border in np.flatnonzero(np.diff(epochs.stage)) + 1.5:  # between stages
            plot.add_layout(Span(location=border, dimension="height", line_color=GREY))
        add_legend(plot, items)
        return plot
