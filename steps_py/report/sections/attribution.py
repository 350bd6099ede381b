"""Which feature dimensions scores stand on, averaged over trials."""

import numpy as np
from bokeh.models import ColumnDataSource

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures, Table, Text
from steps_py.report.style import colour, new_figure


@REPORT_SECTIONS.register("attribution")
class Attribution(Section):
    """The shares of feature dimensions, and of labels of frames, in the maps of trials' scores."""

    title = "What scores stand on"

    def blocks(self):
        rows = self.run.attribution
        if rows is None or rows.empty:
            return []
        options = self.run.config["attribution"]
        counts = rows.groupby("trials", sort=False).num_maps.first()
        maps = ", ".join(f"{count} of {kind} trials" for kind, count in counts.items())
        text = (
            f"Maps of scores of {options['trials']} by {options['method']['name']}: {maps}, drawn"
            f" by seed {options['seed']}, each scaled to a sum of absolute values of 1."
        )
        dimensions = rows[rows.part == "dimension"]
        blocks = [Figures([_figure(dimensions, "share"), _figure(dimensions, "signed_share")])]
        labels = rows[rows.part == "label"]
        if len(labels):
            blocks.append(_table(labels))
        return [*blocks, Text(text)]


def _figure(rows, column):
    """Shares of all dimensions, over Hz where they have a frequency."""
    has_hz = np.isfinite(rows.frequency_hz).any()
    rows = rows[np.isfinite(rows.frequency_hz)] if has_hz else rows
    title = {"share": "share of the map", "signed_share": "signed share of the map"}[column]
    plot = new_figure(title, "Hz" if has_hz else "dimension, from 0", "share", [("", "@x: @y")])
    for number, (kind, part) in enumerate(rows.groupby("trials", sort=False)):
        x = part.frequency_hz if has_hz else part.name.astype(int)
        source = ColumnDataSource({"x": x.to_numpy(), "y": part[column].to_numpy()})
        plot.line("x", "y", source=source, color=colour(number), legend_label=kind)
        plot.scatter("x", "y", source=source, color=colour(number), size=4)
    return plot


def _table(rows):
    lines = [
        [
            row.trials,
            str(row.name),
            f"{100 * row.frames_share:.1f}",
            f"{100 * row.share:.1f}",
            f"{100 * row.signed_share:.1f}",
        ]
        for row in rows.itertuples()
    ]
    header = ["trials", "label", "% of frames", "% of the map", "signed %"]
    return Table(header, lines, title="Labels of frames")
