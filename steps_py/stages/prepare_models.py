"""Prepare enrolments of several utterances as a data directory whose keys are models.

python -m steps_py.stages.prepare_models --models conf/models --data data/dev --out data/models
"""

import argparse

from steps_py.data.models import write_models
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", required=True, help="lines <model> <utterance> ...")
    parser.add_argument("--data", required=True, help="the data directory of the utterances")
    parser.add_argument("--out", required=True, help="the data directory to write")
    args = parser.parse_args(argv)

    print(f"{args.out}: {write_models(args.models, args.data, args.out)} models")


if __name__ == "__main__":
    run(main)
