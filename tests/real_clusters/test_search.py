"""A search for hyper-parameters whose trials are jobs of a real scheduler, killed on the way."""

import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from tests.real_clusters.runs import MINUTES, wait_until
from tests.real_clusters.scheduler import ROOT

SEARCH = {
    "trials": 12,
    "parallel": 4,
    "objective": {"metric": "valid_loss"},
    "sampler": {"name": "tpe", "startup_trials": 6},
    "space": {
        "train.optimizer.lr": {"log_range": [0.002, 0.1]},
        "train.schedule.name": {"choices": ["cosine", "constant"]},
        "model.embedding_dim": {"int_range": [6, 12]},  # the recipe's backend.lda_dim is 6
    },
}


def start(folder, scheduler, number):
    command = [sys.executable, "-m", "snakemake", "--profile", scheduler.name]
    return subprocess.Popen(
        [*command, "--directory", folder, *scheduler.options, "--", "search"],
        cwd=ROOT,
        stdout=(folder / f"said.{number}").open("w"),
        stderr=subprocess.STDOUT,
        env={**os.environ, **scheduler.environment},
        start_new_session=True,
    )


def finished_trials(folder):
    """The objectives of the trials that have ended, by number."""
    table = folder / "exp/search/trials.tsv"
    if not table.exists():
        return {}
    trials = pd.read_csv(table, sep="\t")
    return dict(trials[trials.state == "complete"][["trial", "objective"]].to_numpy().tolist())


def test_a_search_of_12_trials_survives_a_kill(scheduler, local_recipe, tmp_path):
    base, process = local_recipe
    assert process.wait(timeout=10 * MINUTES) == 0
    folder = tmp_path / f"searched on {scheduler.name}"
    shutil.copytree(base, folder)
    (folder / "search.yaml").write_text(yaml.safe_dump(SEARCH))
    first = start(folder, scheduler, 1)
    wait_until(lambda: len(finished_trials(folder)) >= 2, "two finished trials")
    first.kill()  # -9, the controller only
    first.wait()
    kept = finished_trials(folder)
    assert start(folder, scheduler, 2).wait(timeout=10 * MINUTES) == 0, (
        folder / "said.2"
    ).read_text()[-3000:]
    trials = pd.read_csv(folder / "results/search/trials.tsv", sep="\t").set_index("trial")
    assert trials.index.tolist() == list(range(12))
    assert trials.state.tolist() == ["complete"] * 12
    assert all(trials.objective[number] == pytest.approx(kept[number]) for number in kept)
    for number in trials.index:
        trial = folder / f"exp/search/trials/{number:04d}"
        assert list((trial / "logs" / scheduler.name).rglob("*.log")), "no job of the scheduler's"
        assert (trial / "exp/feats").is_dir()
        assert not list((trial / "logs").glob("make_feats*"))  # the features are the recipe's
    assert yaml.safe_load((folder / "results/search/best.yaml").read_text()).keys() <= {
        *("train", "model")
    }
    assert scheduler.jobs() == []
