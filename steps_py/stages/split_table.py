"""Cut a table into contiguous parts of equal size.

python -m steps_py.stages.split_table data/train/wav.scp part1.scp part2.scp part3.scp
"""

import argparse

from steps_py.data.sets import split_table
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("outs", nargs="+", help="one file for each part, in order")
    args = parser.parse_args(argv)

    split_table(args.table, args.outs)


if __name__ == "__main__":
    run(main)
