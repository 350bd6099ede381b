"""Run random cases by the built-in commands and by the Kaldi of KALDI_ROOT; print differences."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.kaldi.random_cases.draw import FAMILIES
from tests.kaldi.test_random import compare


def main(argv=None):
    args = _parser().parse_args(argv)
    for name in args.only.split(","):
        found, refused = 0, 0
        for number in range(args.seed * 10**6, args.seed * 10**6 + args.draws):
            with tempfile.TemporaryDirectory() as folder:
                case, exit_code, what = compare(name, number, Path(folder))
            refused += exit_code != 0
            if what:
                found += 1
                print(f"{name} {number}: {what}\n    {case.command}", flush=True)
        print(f"{name}: {args.draws} cases, {refused} refused by Kaldi, {found} differ", flush=True)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.kaldi.random_cases")
    parser.add_argument("--draws", type=int, default=100, help="cases of each family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(FAMILIES), help="families, by commas")
    return parser


if __name__ == "__main__":
    sys.exit(main())
