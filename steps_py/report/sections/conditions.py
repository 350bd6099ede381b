"""Error rates by condition."""

from bokeh.models import ColumnDataSource, FactorRange, Whisker
from bokeh.transform import dodge

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Figures
from steps_py.report.style import GREY, add_legend, colour, new_figure


@REPORT_SECTIONS.register("conditions")
class Conditions(Section):
    """The recipe's first metric in each of ``metrics.conditions``, as bars with intervals."""

    title = "Conditions"

    def blocks(self):
        metric = self.run.metrics[0]
        results = self.run.results
        rows = results[(results.metric == metric.name) & (results.condition != "")]
        rows = rows.dropna(subset="value")
        figures = []
        for trials in self.run.lists:
            of_list = rows[rows.list == trials]
            for name in dict.fromkeys(
                condition.partition("=")[0] for condition in of_list.condition
            ):
                of_condition = of_list[of_list.condition.str.startswith(f"{name}=")]
                figures.append(self._plot(trials, name, of_condition, metric))
        return [Figures(figures)] if figures else []

    def _plot(self, trials, name, rows, metric):
        rows = rows.assign(place=[condition.partition("=")[2] for condition in rows.condition])
        counts = dict(zip(rows.place, rows.num_trials, strict=True))
        tooltips = [
            (name, "@x"),
            ("system", "$name"),
            (metric.title, "@value"),
            ("trials", "@trials"),
        ]
        plot = new_figure(
            f"{trials} by {name}", name, metric.title, tooltips,
            x_range=FactorRange(*dict.fromkeys(rows.place)),
        )  # fmt: skip
        items, systems = [], list(dict.fromkeys(rows.system))
        width = 0.8 / len(systems)
        for number, system in enumerate(systems):
            of_system = rows[rows.system == system]
            x = list(of_system.place)
            columns = {key: of_system[key].to_numpy() for key in ("value", "low", "high")}
            source = ColumnDataSource({"x": x, "trials": [counts[c] for c in x], **columns})
            place = dodge("x", (number + 0.5) * width - 0.4, range=plot.x_range)
            bars = plot.vbar(
                x=place, top="value", width=width * 0.9, source=source, color=colour(number),
                name=system, alpha=0.8,
            )  # fmt: skip
            if of_system.low.notna().all():
                plot.add_layout(
                    Whisker(source=source, base=place, upper="high", lower="low", line_color=GREY)
                )
            items.append((system, [bars]))
        plot.y_range.start = 0
        add_legend(plot, items)
        return plot
