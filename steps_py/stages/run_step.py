"""Call a method of a scoring step: what a step does in Python within a chain of commands.

python -m steps_py.stages.run_step --step '{"name": "lda", "dim": 150}' write_dim \
    512 exp/backend/centre/lda/dim data/train/utt2spk
"""

import argparse
import json

from steps_py.backend.steps import STEPS
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", type=json.loads, required=True, help="name and options, as JSON")
    parser.add_argument("method", help="of the step's class")
    parser.add_argument("words", nargs="*", help="arguments of the method: tables and files")
    args = parser.parse_args(argv)

    getattr(STEPS.build(args.step), args.method)(*args.words)


if __name__ == "__main__":
    run(main)
