"""The table of systems and lists."""

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Table, Text
from steps_py.scoring.results_text import cell


@REPORT_SECTIONS.register("results")
class Results(Section):
    """Every metric of every system on every list, with intervals; the best ones marked."""

    title = "Results"

    def blocks(self):
        results = self.run.results
        pooled = results[results.condition == ""].set_index(["list", "system"])
        keys = list(dict.fromkeys(pooled.index))
        counts = pooled[~pooled.index.duplicated()]
        rows, best = [], set()
        for trials, system in keys:
            counted = counts.loc[(trials, system)]
            rows.append([trials, system, f"{counted.num_trials:,}", f"{counted.num_targets:,}"])
        for column, metric in enumerate(self.run.metrics, 4):
            of_metric = pooled[pooled.metric == metric.name]
            for row, key in zip(rows, keys, strict=True):
                row.append(cell(metric, of_metric, key))
            for trials in self.run.lists:
                values = of_metric.value[of_metric.index.get_level_values(0) == trials].dropna()
                if len(values):
                    found = values.idxmax() if metric.higher_is_better else values.idxmin()
                    best.add((keys.index(found), column))
        columns = ["list", "system", "trials", "targets", *(m.title for m in self.run.metrics)]
        blocks = [Table(columns, rows, num_left=2, best=frozenset(best))]
        if self.run.config["metrics"]["bootstrap"]["draws"]:
            blocks.append(
                Text(
                    "In brackets: 95 % intervals of a bootstrap over speakers. Bold: the best of a"
                    " list; the paired tests below say which differences are more than chance."
                )
            )
        return [*blocks, *self._notes(), *self._comparisons()]

    def _notes(self):
        """Systems that were trained on a list, which the values of that list flatter."""
        for trials in self.run.lists:
            note = self.run.note(trials)
            if note:
                yield Text(f"{trials}: {note}")

    def _comparisons(self):
        """Paired tests of the best system of each list with all others, by the first metric."""
        pairs = self.run.comparisons
        if pairs.empty or len(self.run.systems) < 2:
            return []
        metric = self.run.metrics[0]
        pairs = pairs[(pairs.metric == metric.name) & (pairs.condition == "")]
        rows = []
        for trials in self.run.lists:
            best = self.run.best_system(trials)
            for row in pairs[pairs.list == trials].itertuples():
                if best == row.system:
                    rows.append(self._row(trials, best, row.other, row, metric, 1))
                elif best == row.other:
                    rows.append(self._row(trials, best, row.system, row, metric, -1))
        columns = ["list", "best system", "other system", f"difference, {metric.title}"]
        columns += ["95 % interval", "p"]
        title = "Paired tests of the best system with the others"
        return [Table(columns, rows, title=title, num_left=3)] if rows else []

    def _row(self, trials, best, other, row, metric, sign):
        low, high = sorted((sign * row.low, sign * row.high))
        difference = f"{sign * row.difference:+.{metric.decimals}f}"
        return [
            trials,
            best,
            other,
            difference,
            metric.interval_text(low, high),
            f"{row.p_value:.3f}",
        ]
