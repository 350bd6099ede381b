"""Write the sounds of one part of the simulated conversations of a set.

python -m steps_py.stages.mix_conversations --plan exp/simulation/dev/plan.tsv --slice 1-of-4 \\
    --config JSON --wav data/eval/wav.scp --out exp/simulation/dev/sounds.1-of-4
"""

import argparse

from steps_py.augment.parts import parse_parts
from steps_py.errors import ConfigError
from steps_py.program import run
from steps_py.settings.build import load_slice
from steps_py.simulation.config import SimulatedSetConfig
from steps_py.simulation.plan_table import read_plans
from steps_py.simulation.recordings import write_recordings


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plan", required=True, help="plan.tsv of the set")
    parser.add_argument("--slice", default="1-of-1", help="of the recordings: <number>-of-<all>")
    parser.add_argument("--config", required=True, help="entry of simulation.sets as JSON")
    parser.add_argument("--wav", required=True, help="wav.scp of the speech")
    parser.add_argument(
        "--part",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=FOLDER",
        help="data directory of rooms or noises",
    )
    parser.add_argument("--out", required=True, help="folder of the recordings")
    args = parser.parse_args(argv)
    config = load_slice(args.config, SimulatedSetConfig, "simulation.sets")
    plans = slice_of(read_plans(args.plan), args.slice)
    write_recordings(plans, args.wav, config, parse_parts(args.part), args.out)


def slice_of(plans: dict, item: str) -> dict:
    """A contiguous part of a dict; all parts are of nearly the same size.

    >>> slice_of({"a": 1, "b": 2, "c": 3}, "2-of-2")
    {'b': 2, 'c': 3}
    """
    number, separator, of = item.partition("-of-")
    if not (separator and number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise ConfigError(f"mix_conversations: --slice is '{item}'. Write it as 1-of-4.")
    names = list(plans)
    first, end = (len(names) * edge // int(of) for edge in (int(number) - 1, int(number)))
    return {name: plans[name] for name in names[first:end]}


if __name__ == "__main__":
    run(main)
