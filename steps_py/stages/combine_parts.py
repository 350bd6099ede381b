"""Join corpus parts to a data directory; a repeated key is an error.

python -m steps_py.stages.combine_parts --parts data/parts/voxceleb1.dev \
    data/parts/voxceleb2.dev --out data/train
"""

import argparse

from steps_py.data.sets import combine_parts
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", required=True, help="folders <corpus>.<part>")
    parser.add_argument("--out", required=True, help="the data directory to make")
    args = parser.parse_args(argv)

    num_utts, num_speakers = combine_parts(args.parts, args.out)
    print(f"{args.out}: {num_utts} utterances of {num_speakers} speakers")


if __name__ == "__main__":
    run(main)
