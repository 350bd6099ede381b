"""Check all sets together: disjoint speakers, and enough of them for the batches of training.

python -m steps_py.stages.check_sets --train data/train --test data/vox1_test --out data/sets.tsv
"""

import argparse
import json

from steps_py.data.data_dir import read_table
from steps_py.data.sets import check_sets, write_sets
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--train", nargs="*", default=[], help="data directories that are not tested on"
    )
    parser.add_argument("--test", nargs="*", default=[], help="data directories of the trials")
    parser.add_argument(
        "--batches", help="sampler, batch_size and stages of section train as JSON, to check them"
    )
    parser.add_argument("--batches-of", help="data directory that the network is trained on")
    parser.add_argument(
        "--held-out", type=int, default=0, help="speakers that chunks.num_valid_speakers holds out"
    )
    parser.add_argument(
        "--speeds", type=int, default=1, help="number of speeds; each has speakers of its own"
    )
    parser.add_argument(
        "--closed-set", action="store_true", help="speakers are trained on, other utterances tested"
    )
    parser.add_argument("--out", required=True, help="table of set, speakers, utterances, hours")
    args = parser.parse_args(argv)

    rows = check_sets(args.train, args.test, args.closed_set)
    batches = json.loads(args.batches or "{}")
    if batches:
        from steps_py.chunks.enough_speakers import check_enough_speakers  # start-up time

        speakers = set(read_table(f"{args.batches_of}/utt2spk").values())
        num_speakers = max(0, len(speakers) - args.held_out) * args.speeds
        check_enough_speakers(batches, num_speakers)
    print(write_sets(args.out, rows), end="")


if __name__ == "__main__":
    run(main)
