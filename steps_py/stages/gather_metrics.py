"""Join the tables of all trial lists into one.

python -m steps_py.stages.gather_metrics --out results/metrics.tsv exp/metrics/vox1.tsv ...
"""

import argparse

import pandas as pd

from steps_py.files import atomic_write
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("tables", nargs="+")
    args = parser.parse_args(argv)

    tables = (pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False) for path in args.tables)
    table = pd.concat(tables)
    with atomic_write(args.out) as out:
        table.to_csv(out, sep="\t", index=False)


if __name__ == "__main__":
    run(main)
