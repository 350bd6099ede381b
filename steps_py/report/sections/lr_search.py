"""The loss over a rising learning rate."""

from bokeh.models import ColumnDataSource, Range1d, Span

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures, Text
from steps_py.report.style import GREY, add_legend, colour, new_figure


@REPORT_SECTIONS.register("lr_search")
class LrSearch(Section):
    """What rule find_lr found: losses of single steps, their means, and the suggested rate."""

    title = "Search for the learning rate"

    def blocks(self):
        curve = self.run.lr_curve
        if curve is None:
            return []
        low, start = curve.smoothed_N.min(), curve.smoothed_N[0]
        room = max(start - low, 1e-6)
        plot = new_figure(
            "loss of a step",
            "learning rate",
            "training loss",
            [("learning rate", "@lr"), ("loss", "@loss"), ("mean", "@mean")],
            x_axis_type="log",
            y_range=Range1d(low - 0.1 * room, start + 0.5 * room),  # a diverging loss has no end
        )
        source = ColumnDataSource(
            {"lr": curve.lr_N, "loss": curve.loss_N, "mean": curve.smoothed_N}
        )
        look = {"source": source, "color": colour(0)}
        steps = plot.scatter("lr", "loss", size=3, alpha=0.4, **look)
        means = plot.line("lr", "mean", line_width=2, **look)
        add_legend(plot, [("steps", [steps]), ("means of neighbouring steps", [means])])
        if (suggestion := curve.suggestion()) is not None:
            plot.add_layout(Span(location=suggestion, dimension="height", line_color=GREY))
        return [Text(f"snakemake find_lr: {curve.describe()}."), Figures([plot])]
