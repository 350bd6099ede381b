"""Name the copies of utterances that section xvectors.copies asks for, and how they are made.

python -m steps_py.stages.prepare_copies --data data/dev --out data/dev_copies \\
    --config '{"copies": {"speeds": [0.9, 1.0, 1.1]}}'
"""

import argparse
import sys

from steps_py.embeddings.config import XvectorsConfig
from steps_py.embeddings.copies import write_copies
from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="wav.scp, utt2spk, utt2dur to copy")
    parser.add_argument("--config", required=True, help="section xvectors as JSON")
    parser.add_argument("--out", required=True, help="data directory to write")
    args = parser.parse_args(argv)

    config = load_slice(args.config, XvectorsConfig, "xvectors")
    print(f"{args.out}: {write_copies(args.data, config.copies, args.out)} copies", file=sys.stderr)


if __name__ == "__main__":
    run(main)
