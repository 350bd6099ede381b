"""The look of the report's figures: one form, readable on light and on dark ground."""

from bokeh.models import HoverTool, Legend
from bokeh.plotting import figure

GREY = "#808890"  # of text and lines, on white and on black
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"]
DASHES = ["solid", "dashed", "dotdash", "dotted"]


def colour(number: int) -> str:
    """The colour of the system or set of that number."""
    return COLOURS[number % len(COLOURS)]


def dash(number: int) -> str:
    """The dashes that tell lines of one colour apart."""
    return DASHES[number // len(COLOURS) % len(DASHES)]


def new_figure(title: str, x_label: str, y_label: str, tooltips=None, **ranges) -> figure:
    """An empty figure as wide as its place; `ranges` are x_range, y_range and the axes' types.

    `tooltips` are Bokeh's, ``[("label", "@column")]``, shown beside a point.
    """
    plot = figure(
        title=title,
        x_axis_label=x_label,
        y_axis_label=y_label,
        height=340,
        sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset",
        **ranges,
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    plot.outline_line_color = GREY
    plot.outline_line_alpha = 0.5
    plot.title.text_color = GREY
    plot.title.text_font_size = "10pt"
    for axis in plot.axis:
        axis.axis_label_text_color = axis.major_label_text_color = GREY
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = GREY
        axis.axis_label_text_font_style = "normal"
    plot.grid.grid_line_color = GREY
    plot.grid.grid_line_alpha = 0.25
    if tooltips:
        plot.add_tools(HoverTool(tooltips=tooltips))
    return plot


def add_legend(plot: figure, items, place="below") -> None:
    """A legend of (label, renderers); a click on an entry shows or hides it."""
    legend = Legend(items=list(items), click_policy="hide", orientation="horizontal")
    legend.ncols = "auto"
    legend.label_text_color = GREY
    legend.background_fill_alpha = 0
    legend.border_line_alpha = 0
    legend.label_text_font_size = "9pt"
    legend.padding = legend.margin = 2
    plot.add_layout(legend, place)
