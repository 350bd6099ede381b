"""The report of a finished recipe: one HTML file that needs no network.

python -m steps_py.stages.write_report --run egs/mini --out report.html
"""

import argparse
import json
from pathlib import Path

from steps_py.errors import StepsError
from steps_py.files import atomic_write
from steps_py.program import run
from steps_py.recipe.config import fill_defaults
from steps_py.report.config import ReportConfig
from steps_py.report.page import report_of
from steps_py.report.run_folder import RunFolder
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default=".", help="the recipe's folder")
    parser.add_argument("--config", default="{}", help="section report as JSON")
    parser.add_argument("--out", required=True, help="HTML file to write")
    args = parser.parse_args(argv)

    options = load_slice(args.config, ReportConfig, "report")
    text = report_of(RunFolder(args.run, config_of(args.run), options))
    with atomic_write(args.out) as out:
        out.write(text)


def config_of(folder: str | Path):
    """The config that a recipe's results were made with, and all defaults."""
    manifest = Path(folder, "results/manifest.json")
    if not manifest.exists():
        raise StepsError(
            f"{manifest}: is not there. Run the recipe first: snakemake --directory {folder} all"
        )
    return fill_defaults(json.loads(manifest.read_text(encoding="utf-8"))["config"])


if __name__ == "__main__":
    run(main)
