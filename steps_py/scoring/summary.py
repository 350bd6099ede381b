"""The results of a run as one table over all lists and systems, for the terminal."""

import csv
import os


def summary_lines(path: str | os.PathLike, metrics: list) -> list[str]:
    """Lines of a table with a row for each list and system of results/metrics.tsv.

    `metrics` are those of the recipe, see `steps_py.scoring.measures.metrics_of`; they name the
    columns and write the values.
    """
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if not row["condition"]]
    found = {(row["list"], row["system"], row["metric"]): row for row in rows}
    pairs = list(dict.fromkeys((row["list"], row["system"]) for row in rows))
    table = [["list", "system", *(metric.title for metric in metrics)]]
    for pair in pairs:
        table.append(
            [*pair, *(_cell(metric, found.get((*pair, metric.name))) for metric in metrics)]
        )
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in table]


def _cell(metric, row):
    if row is None:
        return ""
    text = metric.text(float(row["value"])).strip()
    ends = row["low"] and metric.interval_text(float(row["low"]), float(row["high"]))
    return f"{text} {ends}".rstrip()


def _aligned(row, widths):
    for place, (text, width) in enumerate(zip(row, widths, strict=True)):
        yield text.ljust(width) if place < 2 else text.rjust(width)
