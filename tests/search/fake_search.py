"""A search whose trials take a tenth of a second, run and killed by tests.

python -m tests.search.fake_search FOLDER NUM_TRIALS PARALLEL [PRUNED]
"""

import json
import sys
import time
from pathlib import Path

from steps_py.errors import ConfigError
from steps_py.search.config import SearchConfig
from steps_py.search.driver import Driver
from steps_py.search.space import Space
from steps_py.search.study import open_study
from steps_py.settings.build import build

EPOCH_SEC = 0.03
NUM_EPOCHS = 4


class FakeRecipe:
    """Trials with a loss of (x - 3)^2 + 10 / epoch; an epoch done is not done again."""

    def __init__(self, folder):
        self.folder = folder

    def check(self, over):
        if over["x"] > 9:
            raise ConfigError("x is above 9.")

    def start(self, number, over):
        return FakeTrial(self.folder / f"trials/{number}", over["x"])


class FakeTrial:
    def __init__(self, folder, x):
        self._x, self._done = x, folder / "epochs"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "starts").open("a") as starts:
            starts.write(f"{json.dumps(x)}\n")
        self._first, self._began = len(self.epochs()), time.monotonic()

    def poll(self):
        past = self._first + int((time.monotonic() - self._began) / EPOCH_SEC)
        with self._done.open("a") as done:
            for epoch in range(len(self.epochs()) + 1, min(past, NUM_EPOCHS) + 1):
                done.write(f"{(self._x - 3) ** 2 + 10 / epoch}\n")
        return past >= NUM_EPOCHS

    def epochs(self):
        return list(map(float, self._done.read_text().split())) if self._done.exists() else []

    def value(self):
        return self.epochs()[-1]

    def stop(self):
        pass

    def wait(self, timeout_sec):
        pass


def search_of(**edits):
    """A SearchConfig over x from 0 to 10."""
    space = {"x": {"range": [0, 10]}}
    defaults = {"space": space, "trials": 6, "objective": {"metric": "valid_loss"}}
    return build(SearchConfig, defaults | edits, "")


def run_search(folder, search, recipe=None, **options):
    """The study of a search that has run to its end."""
    study = open_study(folder, search, {})
    recipe = recipe or FakeRecipe(folder)
    Driver(study, Space(search.space), search, recipe, poll_sec=0.01, **options).run()
    return study


if __name__ == "__main__":
    folder, trials, parallel, *pruned = sys.argv[1:]
    edits = {"pruning": {"factor": 2}} if pruned else {}
    run_search(
        Path(folder), search_of(trials=int(trials), parallel=int(parallel), **edits), say=print
    )
