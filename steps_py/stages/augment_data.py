"""Draw augmented copies of the training utterances, written as pipes.

python -m steps_py.stages.augment_data --data data/train --out data/train_augmented
    --config '{"copies": {"noise": {"parts": ["musan.noise"]}}, "num_utts": 1000}'
    --part musan.noise=data/parts/musan.noise
"""

import argparse
import sys

from steps_py.augment.config import AugmentConfig
from steps_py.augment.copies import augment_data_dir
from steps_py.augment.parts import parse_parts
from steps_py.program import run
from steps_py.settings.build import load_slice


def parser():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--config", required=True, help="the recipe's section augment, as JSON")
    args.add_argument("--data", required=True, help="wav.scp, utt2spk, utt2dur to copy")
    args.add_argument(
        "--part",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=FOLDER",
        help="data directory of the sounds of a part",
    )
    args.add_argument("--out", required=True, help="data directory to write")
    return args


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    config = load_slice(args.config, AugmentConfig, "augment")
    num_copies = augment_data_dir(args.data, parse_parts(args.part), config, args.out)
    print(f"augment_data: {num_copies} copies of {args.data} in {args.out}", file=sys.stderr)
    if config.num_utts and num_copies < config.num_utts:
        print(f"augment_data: there are no more; num_utts is {config.num_utts}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
