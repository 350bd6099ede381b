"""Several finished recipes, whose systems are compared on the trial lists that they share."""

import functools
import tempfile
from pathlib import Path

import pandas as pd

from steps_py.errors import StepsError, some
from steps_py.report.run_folder import RunFolder, Scored, best_system
from steps_py.scoring.evaluation import SideTables, evaluate

SECTIONS = ("results", "det", "calibration")


class ComparedRuns:
    """The systems of several runs, named ``<run>.<system>``, as sections of the report read them.

    All metrics and paired tests are computed again, with the same draws of speakers for all runs.
    The metrics and the bootstrap are those of the first run.

    Parameters
    ----------
    runs : dict of str to RunFolder
        Name -> finished recipe.

    Raises
    ------
    StepsError
        If the runs have no trial list in common, or lists of one name differ.
    """

    def __init__(self, runs: dict[str, RunFolder]):
        self.runs = runs
        first = next(iter(runs.values()))
        self.config, self.metrics = first.config, first.metrics
        self.lists = [name for name in first.lists if all(name in r.lists for r in runs.values())]
        if not self.lists:
            known = [f"{name}: {', '.join(run.lists)}" for name, run in runs.items()]
            raise StepsError(
                f"compare_runs: the runs have no trial list in common ({some(known)}). Compare runs"
                " on the same list."
            )
        self.systems = [f"{name}.{system}" for name, run in runs.items() for system in run.systems]
        evaluations = [self._evaluate(trials) for trials in self.lists]
        self.results = pd.concat(of.measures for of in evaluations)
        self.comparisons = pd.concat(of.comparisons for of in evaluations)

    def scored(self, system: str, trials: str) -> Scored:
        """The scores of a system on a list."""
        return self._scored[system](trials)

    def best_system(self, trials: str) -> str:
        """The best system of all runs on a list, by the first metric."""
        return best_system(self.results, trials, self.metrics[0])

    def note(self, trials: str) -> str:
        """Which systems of which run were trained on the list; empty: none."""
        notes = {name: run.note(trials) for name, run in self.runs.items()}
        return "; ".join(f"{name} {note}" for name, note in notes.items() if note)

    @functools.cached_property
    def _scored(self):
        return {
            f"{name}.{system}": functools.partial(run.scored, system)
            for name, run in self.runs.items()
            for system in run.systems
        }

    def _evaluate(self, trials):
        self._check_same(trials)
        first = next(iter(self.runs.values()))
        bootstrap = self.config["metrics"]["bootstrap"]
        sides = (f"data/{first.set_of(trials, side)}/utt2spk" for side in ("enroll", "test"))
        with tempfile.TemporaryDirectory() as folder:
            links = []  # the folder of a score file names its system
            for name, run in self.runs.items():
                for system in run.systems:
                    link = Path(folder, f"{name}.{system}", trials)
                    link.parent.mkdir()
                    link.symlink_to((run.path / f"exp/scores/{system}/{trials}").resolve())
                    links.append(link)
            return evaluate(
                first.path / f"data/trials/{trials}",
                links,
                [metric for metric in self.metrics if metric.systems is None],
                speakers=SideTables(*(str(first.path / side) for side in sides)),
                num_draws=bootstrap["draws"],
                seed=bootstrap["seed"],
            )

    def _check_same(self, trials):
        sums = {
            name: run.results[run.results.list == trials].list_sha256.iloc[0]
            for name, run in self.runs.items()
        }
        if len(set(sums.values())) > 1:
            raise StepsError(
                f"compare_runs: '{trials}' is not the same list in all runs"
                f" ({some([f'{name}: {digest}' for name, digest in sums.items()])}). Compare runs"
                " on the same list."
            )
