"""Prepare a set of recordings whose speakers are to be found, with its reference.

python -m steps_py.stages.prepare_conversations --config JSON --out data/dev
"""

import argparse

from steps_py.conversations.config import ConversationsConfig
from steps_py.conversations.prepare import prepare
from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="entry of diarization.sets as JSON")
    parser.add_argument("--out", required=True, help="folder of the set")
    args = parser.parse_args(argv)
    prepare(load_slice(args.config, ConversationsConfig, "diarization.sets"), args.out)


if __name__ == "__main__":
    run(main)
