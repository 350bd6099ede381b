"""Keep the lines of the longest utterances of a table.

python -m steps_py.stages.select_longest --table data/train/feats.scp \\
    --num-frames data/train/utt2num_frames --num-utts 100000 --out exp/ivector/feats.scp
"""

import argparse

from steps_py.data.data_dir import iterate_table, read_table
from steps_py.files import atomic_write
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", required=True, help="table of the utterances")
    parser.add_argument("--num-frames", required=True, help="utt2num_frames")
    parser.add_argument("--num-utts", type=int, required=True, help="utterances to keep")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    lengths = {utt: int(value) for utt, value in read_table(args.num_frames).items()}
    kept = set(longest(lengths, args.num_utts))
    with atomic_write(args.out) as out:
        for utt, value in iterate_table(args.table):
            if utt in kept:
                out.write(f"{utt} {value}\n")


def longest(lengths: dict[str, int], number: int) -> list[str]:
    """The `number` longest utterances; of equally long ones, the last by name, as Kaldi's.

    >>> longest({"a": 5, "b": 9, "c": 5}, 2)
    ['c', 'b']
    """
    order = sorted(lengths, key=lambda utt: (lengths[utt], utt))
    return order[-number:]


if __name__ == "__main__":
    run(main)
