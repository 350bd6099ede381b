"""A finished recipe, as the report and the comparison of runs read it.

Shape suffixes (scope: this module):
    T = trials   N = vectors   E = embedding
"""

import functools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from steps_py.data.data_dir import read_table
from steps_py.errors import StepsError
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader
from steps_py.report.config import ReportConfig
from steps_py.scoring.measures import metrics_of
from steps_py.scoring.metrics.base import Metric
from steps_py.scoring.results_text import TRAINED
from steps_py.scoring.scores import join_scores, read_scores, read_trials
from steps_py.training.lr_curve import LrCurve


class Scored(NamedTuple):
    """Trials of a list with the scores of a system; arrays (T,) in the order of the list."""

    enroll: np.ndarray  # names
    test: np.ndarray
    score: np.ndarray
    target: np.ndarray  # bool


class RunFolder:
    """Reads the products of one recipe.

    Parameters
    ----------
    path : path
        The recipe's folder, which has been run.
    config : dict
        Its config with all defaults.
    options : ReportConfig, optional

    Raises
    ------
    StepsError
        If the folder has no results.
    """

    def __init__(self, path: str | Path, config: dict, options: ReportConfig | None = None):
        self.path = Path(path)
        self.config = config
        self.options = options or ReportConfig()
        metrics = config["metrics"]
        self.metrics: list[Metric] = metrics_of(metrics["measures"], metrics["p_target"])
        self.results = self._frame("results/metrics.tsv")

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def lists(self) -> list[str]:
        """The trial lists."""
        return list(dict.fromkeys(self.results.list))

    @property
    def systems(self) -> list[str]:
        """The scoring systems, in the recipe's order."""
        return list(dict.fromkeys(self.results.system))

    def best_system(self, trials: str) -> str:
        """The best system of a list by the recipe's first metric."""
        return best_system(self.results, trials, self.metrics[0])

    def note(self, trials: str) -> str:
        """Which systems were trained on the list, as its results say; empty: none."""
        lines = self._existing(f"results/{trials}_eer.txt").read_text().splitlines()
        return next((line for line in lines if line.startswith(TRAINED)), "")

    @functools.cached_property
    def manifest(self) -> dict:
        """results/manifest.json."""
        return json.loads(self._existing("results/manifest.json").read_text(encoding="utf-8"))

    @functools.cached_property
    def comparisons(self) -> pd.DataFrame:
        """The paired tests of each two systems; results of before 0.3 have no conditions."""
        tests = self._frame("results/comparisons.tsv")
        return tests if "condition" in tests else tests.assign(condition="")

    @functools.cached_property
    def epochs(self) -> pd.DataFrame | None:
        """A row for each epoch of the training; None if the network was not trained here."""
        path = self.path / "exp/model/epochs.tsv"
        return pd.read_csv(path, sep="\t") if path.exists() else None

    @property
    def lr_curve(self) -> LrCurve | None:
        """The search for the learning rate; None if rule find_lr was not run."""
        path = self.path / "exp/find_lr/curve.tsv"
        return LrCurve.read(path) if path.exists() else None

    @property
    def attribution(self) -> pd.DataFrame | None:
        """results/attribution.tsv; None if the recipe has no section attribution."""
        if self.config.get("attribution") is None:
            return None
        return pd.read_csv(
            self._existing("results/attribution.tsv"),
            sep="\t",
            dtype={"name": str},  # of a label, which can be "NA"
            keep_default_na=False,
            na_values={"frequency_hz": ["nan"]},
        )

    @property
    def search_trials(self) -> pd.DataFrame | None:
        """A row of texts for each trial of a search; None if there was no search."""
        return self._texts("results/search/trials.tsv")

    @property
    def search_importance(self) -> pd.DataFrame:
        """The importance of the keys of a search; empty if there is none."""
        table = self._texts("results/search/importance.tsv")
        if table is None:
            return pd.DataFrame({"key": [], "importance": []})
        return table.astype({"importance": float})

    @functools.cache  # noqa: B019 -- lives as long as the report
    def scored(self, system: str, trials: str) -> Scored:
        """The scores of a system on a list."""
        labelled = self._trials(trials)
        path = self._existing(f"exp/scores/{system}/{trials}")
        joined = join_scores(labelled, read_scores(path), path)
        names = np.array(list(labelled.pairs.place_of))
        sides = (
            names[np.asarray(side)] for side in (labelled.pairs.enroll_L, labelled.pairs.test_L)
        )
        return Scored(*sides, joined.score, joined.target)

    def set_of(self, trials: str, side: str) -> str:
        """The set of the utterances on a side, 'enroll' or 'test', of a list."""
        return self.config["data"]["trials"][trials][side]

    @functools.cache  # noqa: B019
    def table(self, dset: str, name: str) -> dict[str, str]:
        """A table of a data directory, as utt2spk."""
        return read_table(self._existing(f"data/{dset}/{name}"))

    def has_table(self, dset: str, name: str) -> bool:
        """Whether the data directory has that table."""
        return (self.path / f"data/{dset}/{name}").exists()

    def xvectors(self, dset: str, utts) -> tuple[list[str], np.ndarray]:
        """The x-vectors of the utterances `utts` of a set: names and float32 (N, E)."""
        wanted, names, vectors = set(utts), [], []
        scp = self._existing(f"exp/xvectors/{dset}/xvector.scp")
        with SequentialReader(f"scp:{scp}", FLOAT_VECTOR) as reader:
            for utt, x_E in reader:
                if utt in wanted:
                    names.append(utt)
                    vectors.append(x_E)
        return names, np.stack(vectors)

    @functools.cache  # noqa: B019
    def _trials(self, trials):
        return read_trials(self._existing(f"data/trials/{trials}"))

    def _frame(self, name):
        # condition is empty where all trials are meant, and a name can be "NA"
        numbers = ["value", "low", "high", "difference", "p_value"]
        na = {name: [""] for name in numbers}
        return pd.read_csv(self._existing(name), sep="\t", keep_default_na=False, na_values=na)

    def _texts(self, name):
        """A table of texts; None if it is not there."""
        path = self.path / name
        if not path.exists():
            return None
        return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)

    def _existing(self, name):
        path = self.path / name
        if not path.exists():
            raise StepsError(
                f"{path}: is not there. Run the recipe first: snakemake --directory {self.path} all"
            )
        return path


def best_system(results: pd.DataFrame, trials: str, metric: Metric) -> str:
    """The system with the best value of a metric on a list, over all its trials."""
    rows = results[
        (results.list == trials) & (results.condition == "") & (results.metric == metric.name)
    ].set_index("system")
    return str(rows.value.idxmax() if metric.higher_is_better else rows.value.idxmin())
