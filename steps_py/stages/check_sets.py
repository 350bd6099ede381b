"""Look at all sets together: no speaker may be both trained on and tested.

python -m steps_py.stages.check_sets --train data/train --test data/vox1_test --out data/sets.tsv
"""

import argparse

from steps_py.data.sets import check_sets, write_sets
from steps_py.program import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", nargs="*", default=[], help="data directories not tested on")
    parser.add_argument("--test", nargs="*", default=[], help="data directories of the trials")
    parser.add_argument("--out", required=True, help="table of set, speakers, utterances, hours")
    args = parser.parse_args(argv)

    print(write_sets(args.out, check_sets(args.train, args.test)), end="")


if __name__ == "__main__":
    run(main)
