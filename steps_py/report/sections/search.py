"""The trials of a search for hyper-parameters."""

import numpy as np
import pandas as pd
from bokeh.models import ColorBar, ColumnDataSource, FixedTicker, HoverTool, LinearColorMapper
from bokeh.palettes import Viridis256

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures, Table, Text
from steps_py.report.style import GREY, colour, new_figure

UNSET = -0.15  # height of a key that a trial does not set
MOST_BEST = 5  # rows of the table
BEFORE_KEYS = ["trial", "state", "objective", "epochs", "seconds"]
AFTER_KEYS = ["folder", "reason"]


@REPORT_SECTIONS.register("search")
class Search(Section):
    """The values of every trial against its objective, the importance of keys, the best trials."""

    title = "Search for hyper-parameters"

    def blocks(self):
        trials, importance = self.run.search_trials, self.run.search_importance
        if trials is None:
            return []
        done = trials[trials.objective != ""].copy()
        done["objective"] = done.objective.astype(float)
        counts = trials.state.value_counts()
        said = ", ".join(f"{count} {state}" for state, count in counts.items())
        blocks = [Text(f"{len(trials)} trials: {said}.")]
        if done.empty:
            return blocks
        figures = [parallel_coordinates(done, keys_of(trials))]
        if len(importance):
            figures.append(importances(importance))
        return [*blocks, Figures(figures), best_trials(done, keys_of(trials))]


def keys_of(trials: pd.DataFrame) -> list[str]:
    """The columns of trials.tsv that are keys of the config."""
    return [name for name in trials.columns if name not in (*BEFORE_KEYS, *AFTER_KEYS)]


def best_trials(done, keys):
    best = done.sort_values("objective", kind="stable").head(MOST_BEST)
    rows = [
        [str(row["trial"]), f"{row['objective']:.6g}", *(str(row[key]) for key in keys)]
        for _, row in best.iterrows()
    ]
    return Table(["trial", "objective", *keys], rows, title="Best trials")


def parallel_coordinates(done, keys):
    """A line for each trial with a value over one axis for each key, and one for the objective."""
    axes = [Axis(key, done[key]) for key in keys]
    axes.append(Axis("objective", done["objective"].map(lambda value: f"{value:.4g}")))
    order = np.argsort(-done.objective.to_numpy(), kind="stable")  # the best ones on top
    y = np.stack([axis.height for axis in axes])[:, order]
    source = ColumnDataSource(
        {
            "xs": [list(range(len(axes)))] * len(order),
            "ys": y.T.tolist(),
            "objective": done.objective.to_numpy()[order],
            "trial": done.trial.to_numpy()[order],
            **{f"value{n}": done[key].to_numpy()[order] for n, key in enumerate(keys)},
        }
    )
    low, high = done.objective.min(), done.objective.max()
    mapper = LinearColorMapper(palette=Viridis256, low=low, high=high if high > low else low + 1)
    plot = new_figure("trials with a value", "", "", x_range=(-0.3, len(axes) - 0.4))
    lines = plot.multi_line(
        "xs", "ys", source=source, line_width=2, line_alpha=0.8,
        line_color={"field": "objective", "transform": mapper},
    )  # fmt: skip
    shown = [(key, f"@value{n}") for n, key in enumerate(keys)]
    tooltips = [("trial", "@trial"), ("objective", "@objective"), *shown]
    plot.add_tools(HoverTool(renderers=[lines], tooltips=tooltips))
    for place, axis in enumerate(axes):
        plot.line([place, place], [0, 1], line_color=GREY)
        for height, label in axis.ticks():
            plot.text(
                [place], [height], [label], text_color=GREY, text_font_size="8pt",
                text_baseline="middle", x_offset=4,
            )  # fmt: skip
    plot.xaxis.ticker = FixedTicker(ticks=list(range(len(axes))))
    plot.xaxis.major_label_overrides = {n: axis.name for n, axis in enumerate(axes)}
    plot.xaxis.major_label_orientation = 0.3
    plot.yaxis.visible = plot.ygrid.visible = False
    look = {"major_label_text_color": GREY, "background_fill_alpha": 0}
    plot.add_layout(ColorBar(color_mapper=mapper, width=8, **look), "right")
    return plot


class Axis:
    """An axis of parallel coordinates: heights from 0 to 1 of the values of a key.

    Numbers lie by their size, by its logarithm if they span two decades or more; other values
    by their order of appearance. A key that a trial does not set lies at the bottom, below 0.
    """

    def __init__(self, name: str, texts: pd.Series):
        self.name = name
        self._texts = texts.astype(str).tolist()
        given = [text for text in self._texts if text != ""]
        numbers = pd.to_numeric(pd.Series(given), errors="coerce")
        self._is_number = len(given) > 0 and bool(numbers.notna().all())
        if self._is_number:
            low, high = numbers.min(), numbers.max()
            self._is_log = low > 0 and high / low >= 100
            self._ends = (low, high)
        else:
            self._names = list(dict.fromkeys(given))
        self.height = np.array([self._place(text) for text in self._texts])

    def ticks(self) -> list[tuple[float, str]]:
        """Heights and labels."""
        unset = [(UNSET, "not set")] if "" in self._texts else []
        if self._is_number:
            return unset + [
                (self._place(str(end)), f"{end:.4g}") for end in dict.fromkeys(self._ends)
            ]
        return unset + [(self._place(name), name[:24]) for name in self._names]

    def _place(self, text):
        if text == "":
            return UNSET
        if not self._is_number:
            return self._names.index(text) / max(1, len(self._names) - 1)
        value, (low, high) = float(text), self._ends
        if self._is_log:
            value, low, high = np.log(value), np.log(low), np.log(high)
        return float((value - low) / (high - low)) if high > low else 0.5


def importances(importance):
    """Bars, the most important key on top."""
    table = importance.sort_values("importance", kind="stable")
    plot = new_figure(
        "importance", "share of the variance of the objective", "",
        [("key", "@key"), ("share", "@share{0.000}")], y_range=table.key.tolist(),
    )  # fmt: skip
    source = ColumnDataSource({"key": table.key, "share": table.importance})
    plot.hbar(y="key", right="share", height=0.6, source=source, color=colour(0))
    plot.x_range.start = 0
    return plot
