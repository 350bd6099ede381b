"""Draw who says what when in the simulated conversations of a set.

python -m steps_py.stages.lay_out_conversations --name dev --config JSON --data data/eval \\
    --out exp/simulation/dev
"""

import argparse

from steps_py.program import run
from steps_py.settings.build import load_slice
from steps_py.simulation.config import SimulatedSetConfig
from steps_py.simulation.lay_out import lay_out_set


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True, help="of the set")
    parser.add_argument("--config", required=True, help="entry of simulation.sets as JSON")
    parser.add_argument("--data", required=True, help="data directory of the speech")
    parser.add_argument("--out", required=True, help="folder of the set")
    args = parser.parse_args(argv)
    config = load_slice(args.config, SimulatedSetConfig, "simulation.sets")
    lay_out_set(args.name, config, args.data, args.out)


if __name__ == "__main__":
    run(main)
