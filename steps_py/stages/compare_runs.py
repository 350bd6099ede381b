"""Compare finished recipes on the trial lists that they share.

python -m steps_py.stages.compare_runs egs/mini other=/data/other_mini --out comparison.html

Writes a page with all systems in one table, DET curves and calibration in one plot, and paired
tests of each two systems; prints the table.
"""

import argparse
from pathlib import Path

from steps_py.errors import StepsError
from steps_py.files import atomic_write
from steps_py.program import run
from steps_py.report.compared_runs import SECTIONS, ComparedRuns
from steps_py.report.page import page, parts_of
from steps_py.report.run_folder import RunFolder
from steps_py.scoring.results_text import cell
from steps_py.stages.write_report import config_of


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "runs", nargs="+", metavar="[NAME=]FOLDER", help="recipes' folders; the name is for tables"
    )
    parser.add_argument("--out", required=True, help="HTML file to write")
    args = parser.parse_args(argv)

    folders = named_folders(args.runs)
    runs = ComparedRuns({name: RunFolder(f, config_of(f)) for name, f in folders.items()})
    text = page("Comparison of runs", ", ".join(folders), parts_of(runs, SECTIONS))
    with atomic_write(args.out) as out:
        out.write(text)
    print(*summary(runs), sep="\n")


def named_folders(words: list[str]):
    """``[NAME=]FOLDER`` words as a dict; the name is the folder's own unless given.

    >>> named_folders(["egs/mini", "wide=/data/mini"])
    {'mini': 'egs/mini', 'wide': '/data/mini'}
    """
    folders = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not equals:
            name, folder = Path(word).resolve().name, word
        if name in folders:
            raise StepsError(
                f"compare_runs: two runs are named '{name}': {folders[name]} and {folder}. Give one"
                f" another name: {name}2={folder}"
            )
        folders[name] = folder
    return folders


def summary(runs):
    """Lines of a table: a row for each list and system."""
    results = runs.results
    yield "\t".join(["list", "system", *(metric.title for metric in runs.metrics)])
    for trials in runs.lists:
        of_list = results[results.list == trials]
        for system in runs.systems:
            cells = [
                cell(m, of_list[of_list.metric == m.name].set_index("system"), system)
                for m in runs.metrics
            ]
            yield "\t".join([trials, system, *cells])


if __name__ == "__main__":
    run(main)
