"""Write who made the results: commit, commands, versions and config.

python -m steps_py.stages.write_manifest --commands built-in --config '{...}' \
    --out results/manifest.json
"""

import argparse
import json

from steps_py.files import atomic_write
from steps_py.scoring.report import manifest
from steps_py.stages import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commands", required=True, help="built-in, or a Kaldi's folder")
    parser.add_argument("--config", required=True, help="the whole config, as JSON")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    with atomic_write(args.out) as out:
        json.dump(manifest(args.commands, json.loads(args.config)), out, indent=2)
        out.write("\n")


if __name__ == "__main__":
    run(main)
