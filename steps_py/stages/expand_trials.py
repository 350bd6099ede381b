"""Write the list of the trials between the parts of trials: utterances of models, or copies.

python -m steps_py.stages.expand_trials --trials data/trials/dev --over utterances \\
    --enroll-parts data/models/spk2utt --out data/trials/dev.utterances
"""

import argparse
import sys

from steps_py.data.trial_parts import OVER, trials_of_parts
from steps_py.data.trials import read_trial_list, write_trials
from steps_py.program import run


def parser():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", required=True, help="the trial list")
    parser.add_argument("--over", choices=OVER, required=True, help="which parts meet")
    for side in ("enroll", "test"):
        parser.add_argument(
            f"--{side}-parts", nargs="*", default=[], help="tables from a name to its parts"
        )
    parser.add_argument("--out", required=True, help="the list to write")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    trials = read_trial_list(args.trials)
    parts = trials_of_parts(trials, args.enroll_parts, args.test_parts, args.over)
    write_trials(args.out, parts)
    print(f"{args.out}: {len(parts)} pairs of {len(trials)} trials", file=sys.stderr)


if __name__ == "__main__":
    run(main)
