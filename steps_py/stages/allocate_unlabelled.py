"""Select the unlabelled utterances of a training, those of train.unlabelled.

python -m steps_py.stages.allocate_unlabelled --config '{"min_frames": 200, "max_frames": 400}' \\
    --data data/adapt --out exp/chunks/unlabelled.tsv
"""

import argparse

from steps_py.program import run
from steps_py.settings.build import load_slice


def parser():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", required=True, help="section chunks as JSON")
    parser.add_argument("--data", required=True, help="data directory")
    parser.add_argument("--out", required=True, help="unlabelled.tsv")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    # start-up time
    from steps_py.chunks.allocation import read_utterances
    from steps_py.chunks.config import ChunksConfig
    from steps_py.chunks.unlabelled import allocate_unlabelled, write_unlabelled

    config = load_slice(args.config, ChunksConfig, "chunks")
    utterances = read_utterances([args.data])
    write_unlabelled(utterances, allocate_unlabelled(utterances, config), args.out)


if __name__ == "__main__":
    run(main)
