"""Cut a table into contiguous parts of equal size.

python -m steps_py.stages.split_table data/train/wav.scp part1.scp part2.scp part3.scp
"""

import argparse

from steps_py.data.data_dir import iterate_table
from steps_py.data.sets import split_table
from steps_py.errors import DataDirError
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("outs", nargs="+", help="one file for each part, in order")
    parser.add_argument(
        "--each-filled", action="store_true", help="an empty part is an error: too many parts"
    )
    args = parser.parse_args(argv)

    if args.each_filled:
        check_enough_lines(args.table, len(args.outs))
    split_table(args.table, args.outs)


def check_enough_lines(table, num_parts):
    """DataDirError unless each part has a line: of no frames there are no statistics."""
    num_lines = sum(1 for _ in iterate_table(table))
    if num_lines < num_parts:
        raise DataDirError(
            f"{table}: {num_lines} utterances cannot fill {num_parts} parts. Set ubm.num_jobs and"
            f" ivector.num_jobs to at most {num_lines}."
        )


if __name__ == "__main__":
    run(main)
