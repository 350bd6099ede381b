"""A trial: the recipe run with another config, once for each seed."""

import contextlib
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from steps_py.checkout import CHECKOUT
from steps_py.errors import StepsError
from steps_py.recipe.config import check_config, fill_defaults
from steps_py.recipe.overlays import lay_over
from steps_py.search.config import SearchConfig
from steps_py.search.launch import Launch
from steps_py.search.objective import epoch_values, target_of, value_of
from steps_py.search.trial_folder import make_trial_folder, shares

RESTARTS = 2  # of a run that a signal ended which this search did not send


@dataclass(frozen=True)
class Recipe:
    """The recipe that is searched.

    Attributes
    ----------
    folder : path
        Where it runs; trials are in exp/search/trials.
    config : dict
        As checked, without defaults.
    search : SearchConfig
    launch : Launch
    """

    folder: Path
    config: Mapping
    search: SearchConfig
    launch: Launch

    def check(self, over: dict) -> None:
        """Raise ConfigError if the recipe with `over` laid over it is no valid config."""
        check_config(lay_over(self.config, over), "config")

    def start(self, number: int, over: dict) -> "RecipeTrial":
        """Start the runs of a trial, or go on with them."""
        return RecipeTrial(self, number, over)

    def folders_of(self, number: int) -> list[Path]:
        """The folders of a trial's runs, one for each seed."""
        trials = self.folder / "exp/search/trials"
        if self.search.seeds == 1:
            return [trials / f"{number:04d}"]
        return [trials / f"{number:04d}.seed{seed}" for seed in range(self.search.seeds)]


class RecipeTrial:
    """The runs of one trial, one after another; each is a process of Snakemake's.

    The run of a folder that was stopped before goes on: finished jobs are not repeated, and a
    training resumes from its checkpoint.
    """

    def __init__(self, recipe: Recipe, number: int, over: dict):
        self._recipe, self._over = recipe, over
        self._folders = recipe.folders_of(number)
        self._run = 0  # which of the folders
        self._kills = 0
        self._process = None
        self.failure = None
        self._begin()

    def poll(self) -> bool:
        """Whether all runs have ended; the next one is started here."""
        if self._process is None:
            return True
        code = self._process.poll()
        if code is None:
            return False
        self._process = None
        if code < 0 and self._kills < RESTARTS:
            self._kills += 1
            self._begin()
        elif code:
            self.failure = f"{self._log()}: {_reason(self._log(), code)}"
        elif self._run + 1 < len(self._folders):
            self._run += 1
            self._begin()
        return self._process is None

    def epochs(self) -> list[float]:
        """The values that pruning compares, of each epoch of the first run so far."""
        search = self._recipe.search
        metric = search.pruning and (search.pruning.metric or search.objective.metric)
        return epoch_values(self._folders[0], metric) if metric else []

    def value(self) -> float:
        """The mean objective of the runs; StepsError with the reason if one has failed."""
        if self.failure:
            raise StepsError(self.failure)
        objective = self._recipe.search.objective
        values = [
            value_of(objective, folder, fill_defaults(self._config(place)))
            for place, folder in enumerate(self._folders)
        ]
        return sum(values) / len(values)

    def stop(self) -> None:
        """Send SIGTERM to the run: its jobs end, a training with a checkpoint."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_sec: float) -> None:
        """Wait for the end of a stopped run; after the timeout it is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout_sec)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _config(self, place):
        """The config of a run. Intervals of its metrics are not needed."""
        over = lay_over(self._over, {"metrics": {"bootstrap": {"draws": 0}}})
        if self._recipe.search.seeds > 1:
            first = fill_defaults(self._recipe.config)["train"]["seed"]
            over = lay_over(over, {"train": {"seed": first + place}})
        return lay_over(self._recipe.config, over)

    def _log(self):
        return self._folders[self._run] / "run.log"

    def _begin(self):
        recipe, folder = self._recipe, self._folders[self._run]
        sections = {key.partition(".")[0] for key in recipe.search.space}
        is_shared = shares(sections, recipe.search.seeds)
        make_trial_folder(recipe.folder, folder, self._config(self._run), is_shared)
        target = target_of(recipe.search.objective)
        command = recipe.launch.command(CHECKOUT, folder, recipe.search.parallel, target)
        with open(self._log(), "ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the search, which ends the runs in order
            )


def _reason(log, code):
    """The last line that a failed run wrote."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit code {code}"
