"""What the run took."""

import csv
import os

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Table, Text


@REPORT_SECTIONS.register("cost")
class Cost(Section):
    """Time, memory and processor hours of every rule, and bytes on disk."""

    title = "Time, memory, disk"

    def blocks(self):
        rules = self._rules()
        columns = [
            "rule",
            "jobs",
            "hours",
            "processor hours",
            "longest job, min",
            "most memory, MB",
        ]
        blocks = []
        if rules:
            total = ["all", *map(sum, zip(*(row[1:4] for row in rules), strict=True))]
            total += [max(row[4] for row in rules), max(row[5] for row in rules)]
            blocks += [
                Table(columns, [self._shown(row) for row in [*rules, total]]),
                Text("Hours are sums over jobs, many of which run side by side."),
            ]
        return [*blocks, Table(["folder", "files", "MB"], list(self._folders()))]

    def _rules(self):
        """[rule, jobs, hours, processor hours, minutes of the longest, MB of the largest job]."""
        rules = {}
        folder = self.run.path / "exp/benchmark"
        for path in sorted(folder.rglob("*.tsv")):
            rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
            with open(path, newline="") as file:
                for row in csv.DictReader(file, delimiter="\t"):
                    rules.setdefault(rule, []).append(
                        [_number(row[key]) for key in ("s", "cpu_time", "max_rss")]
                    )
        rows = []
        for rule, jobs in rules.items():
            seconds, cpu_sec, memory_mb = zip(*jobs, strict=True)
            hours = [sum(seconds) / 3600, sum(cpu_sec) / 3600]
            rows.append([rule, len(jobs), *hours, max(seconds) / 60, max(memory_mb)])
        return sorted(rows, key=lambda row: -row[3])

    def _shown(self, row):
        rule, jobs, hours, cpu_hours, minutes, memory_mb = row
        return [rule, f"{jobs}", f"{hours:.2f}", f"{cpu_hours:.2f}", f"{minutes:.1f}",
                f"{memory_mb:,.0f}"]  # fmt: skip

    def _folders(self):
        for top in ("corpus", "data", "exp"):
            folder = self.run.path / top
            if not folder.is_dir():
                continue
            parts = [folder] if top != "exp" else sorted(p for p in folder.iterdir() if p.is_dir())
            for part in parts:
                sizes = [os.path.getsize(p) for p in part.rglob("*") if p.is_file()]
                name = str(part.relative_to(self.run.path))
                yield [name, f"{len(sizes):,}", f"{sum(sizes) / 1e6:,.1f}"]


def _number(text):
    """A figure of a benchmark; a job that was too short to be measured has '-' or NA."""
    try:
        return float(text)
    except ValueError:
        return 0.0
