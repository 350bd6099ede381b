"""Search for the values of config keys that make a recipe's objective small; docs/search.md.

python -m steps_py.stages.search --search search.yaml --config JSON --out results/search

Stopped or killed and started again, it goes on with the trials that were running.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from steps_py.errors import StepsError, some
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--search", type=Path, required=True, help="search.yaml")
    parser.add_argument("--config", type=json.loads, required=True, help="all of it, as JSON")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    args = parser.parse_args(argv)

    # start-up time
    from steps_py.own_parts import recipe_folder
    from steps_py.recipe.config import fill_defaults, without_defaults
    from steps_py.search.checks import check_search
    from steps_py.search.config import read_search
    from steps_py.search.driver import Driver
    from steps_py.search.launch import Launch
    from steps_py.search.recipe_trial import Recipe
    from steps_py.search.results import write_best, write_importance, write_trials
    from steps_py.search.study import open_study
    from steps_py.training.signals import EXIT_CODES, stop_signals

    search = read_search(args.search)
    space = check_search(search, args.config, args.search, recipe_folder())
    refuse_shared_trials(search.objective.list, fill_defaults(args.config)["data"]["trials"])
    folder = Path("exp/search")
    study = open_study(folder, search, without_defaults(args.config))
    recipe = Recipe(Path.cwd(), args.config, search, Launch.of_environment(os.environ))

    def write_table(path=folder / "trials.tsv"):
        write_trials(path, study, space, lambda number: f"{folder}/trials/{number:04d}")

    with stop_signals(second_kills=False) as received:
        Driver(
            study,
            *(space, search, recipe),
            say=_say,
            after_trial=write_table,
            is_stopped=lambda: bool(received),
        ).run()
        if received:
            _say("stopped; the same command goes on")
            sys.exit(EXIT_CODES[received[0]])
    write_best(args.out / "best.yaml", study, space, search.objective.metric)
    write_importance(args.out / "importance.tsv", study)
    write_table(args.out / "trials.tsv")
    _say((args.out / "best.yaml").read_text().strip())


def refuse_shared_trials(name: str | None, lists: dict) -> None:
    """Raise StepsError if trials of a dev list are in a test list too."""
    if name is None:
        return
    trials = set(Path("data/trials", name).read_text().splitlines())
    for other in lists:
        if lists[other]["role"] == "test":
            both = trials & set(Path("data/trials", other).read_text().splitlines())
            if both:
                raise StepsError(
                    f"data/trials/{name}: {len(both)} of its {len(trials)} trials are in the test"
                    f" list {other} too ({some(sorted(both), 1)}). A search must not choose by"
                    " trials that its result is tested on; use other ones."
                )


def _say(line):
    print(f"search: {line}", flush=True)


if __name__ == "__main__":
    run(main)
