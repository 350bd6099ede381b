"""`snakemake search` on the tiny recipe: trials share what it has made, a kill loses nothing."""

import re
import signal
from subprocess import PIPE, STDOUT

import pandas as pd
import pytest
import yaml

from tests.support.tiny_recipe import BYTES, edited, rules_to_run, snakemake, start_snakemake

SEARCH = {
    "trials": 3,
    "parallel": 2,
    "objective": {"metric": "valid_loss"},
    "sampler": {"name": "random", "seed": 3},
    "space": {"train.optimizer.lr": {"choices": [0.05, 0.01, 0.002]}},  # the first is the recipe's
}


def searched(finished, folder, search=SEARCH, change=lambda config: None):
    """A copy of the finished recipe with a search.yaml."""
    edited(finished, folder, change)
    (folder / "search.yaml").write_text(yaml.safe_dump(search))
    return folder


def trained(folder):
    return pd.read_csv(folder / "exp/model/epochs.tsv", sep="\t")[
        ["lr", "train_loss", "valid_loss"]
    ]


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_and_each_trial_is_a_run_of_the_recipe(finished, tmp_path):
    folder = searched(finished, tmp_path / "recipe")
    before = {path: (folder / path).read_bytes() for path in [*BYTES, "exp/model/final.pt"]}
    run = start_snakemake(folder, "search", stdout=PIPE, stderr=STDOUT, text=True)
    for line in run.stdout:
        if re.match(r"search: trial \d+: ", line):  # the first has ended, the second is at work
            break
    run.send_signal(signal.SIGKILL)  # the controller only: the search and its trials live on
    run.wait()
    table = folder / "exp/search/trials.tsv"
    kept = pd.read_csv(table, sep="\t").set_index("trial").query("state == 'complete'").objective
    assert len(kept) >= 1
    done = snakemake(folder, "search")
    assert done.returncode == 0, done.stderr[-2000:]
    trials = pd.read_csv(folder / "results/search/trials.tsv", sep="\t").set_index("trial")
    assert trials.index.tolist() == [0, 1, 2]
    assert trials.state.tolist() == ["complete"] * 3
    assert (trials.objective[kept.index] == kept).all()
    rates = trials["train.optimizer.lr"]
    assert rates.nunique() > 1
    for number, row in trials.iterrows():
        trial = folder / f"exp/search/trials/{number:04d}"
        ran = re.findall(r"^ *(?:local)?rule (\w+):$", (trial / "run.log").read_text(), re.M)
        assert set(ran) == {"train_model"}  # all else is the recipe's
        assert trained(trial).valid_loss.iloc[-1] == pytest.approx(row.objective, rel=1e-5)
        assert trained(trial).equals(trained(finished)) == (rates[number] == 0.05)
    assert 0.05 in set(rates)
    assert all((folder / path).read_bytes() == content for path, content in before.items())
    best = yaml.safe_load((folder / "results/search/best.yaml").read_text())
    assert best == {"train": {"optimizer": {"lr": rates[trials.objective.idxmin()]}}}
    assert rules_to_run(folder, "search") == set()
    overlay = str(folder / "results/search/best.yaml")
    rules = rules_to_run(folder, "--configfile", overlay, "--", "exp/model/final.pt")
    assert rules == (set() if best["train"]["optimizer"]["lr"] == 0.05 else {"train_model"})


def test_a_search_of_a_test_list_is_refused_before_any_job(finished, tmp_path):
    objective = {"metric": "eer", "list": "mini"}
    folder = searched(finished, tmp_path, SEARCH | {"objective": objective})
    done = snakemake(folder, "--dry-run", "search")
    assert done.returncode == 1
    assert "'objective.list' is 'mini', a test list" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (folder / "exp/search").exists()
