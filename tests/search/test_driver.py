"""The loop of a search, with trials that take a tenth of a second."""

import random
import re
import signal
import subprocess
import sys
import time

import pytest

from steps_py.checkout import CHECKOUT
from steps_py.errors import StepsError
from steps_py.search.results import write_best, write_importance, write_trials
from steps_py.search.space import Space
from steps_py.search.study import open_study
from tests.search.fake_search import FakeRecipe, FakeTrial, run_search, search_of


def states(study):
    return [trial.state.name for trial in study.get_trials(deepcopy=False)]


def values(study):
    return [trial.value for trial in study.get_trials(deepcopy=False)]


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_search_runs_as_many_trials_as_asked_for_and_finds_the_minimum(tmp_path, sampler):
    sampler = {"name": sampler, "startup_trials": 5}
    study = run_search(tmp_path, search_of(trials=12, parallel=4, sampler=sampler))
    ended = [state for state in states(study) if state != "FAIL"]
    assert ended == ["COMPLETE"] * 12
    best = study.best_trial
    assert best.value == pytest.approx((best.params["x"] - 3) ** 2 + 10 / 4)
    assert abs(best.params["x"] - 3) < 1.5


def test_a_point_that_is_no_valid_config_is_left_out_and_does_not_count(tmp_path):
    edits = {"trials": 3, "space": {"x": {"range": [7, 10]}}, "sampler": {"name": "random"}}
    said = []
    study = run_search(tmp_path, search_of(**edits), say=said.append)
    assert states(study).count("COMPLETE") == 3
    refused = [t for t in study.get_trials() if t.state.name == "FAIL"]
    assert all(trial.params["x"] > 9 for trial in refused)
    assert sum("is left out" in line for line in said) == len(refused)


def test_a_space_without_a_valid_config_ends_the_search(tmp_path):
    with pytest.raises(StepsError, match=r"50 points .* no valid config.*x is above 9"):
        run_search(tmp_path, search_of(space={"x": {"range": [9.5, 10]}}))


def test_pruned_trials_count_and_are_worse_at_their_last_epoch_than_one_that_went_on(tmp_path):
    edits = {"trials": 10, "pruning": {"factor": 2}, "sampler": {"name": "random"}}
    study = run_search(tmp_path, search_of(**edits))
    trials = study.get_trials()
    pruned = [trial for trial in trials if trial.state.name == "PRUNED"]
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    assert len(pruned) + len(complete) == 10
    assert pruned and complete
    for trial in pruned:
        epoch = trial.last_step
        assert trial.intermediate_values[epoch] > min(
            other.intermediate_values[epoch] for other in complete
        )
    assert sum(max(trial.intermediate_values) for trial in trials if trial.intermediate_values) < 40


def test_killed_again_and_again_it_loses_no_finished_trial_and_no_number(tmp_path):
    command = [sys.executable, "-m", "tests.search.fake_search", str(tmp_path), "12", "3"]
    moments, finished = random.Random(3), {}
    for _ in range(3):
        run = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, bufsize=1)
        for line in run.stdout:  # until the first trials of this run have ended
            if "; best:" in line:
                break
        time.sleep(moments.uniform(0, 0.1))
        run.send_signal(signal.SIGKILL)
        said = line + run.communicate()[0]
        for number, value in re.findall(r"trial (\d+): ([\d.]+);", said):
            assert finished.setdefault(int(number), float(value)) == float(value)
        study = open_study(tmp_path, search_of(), {})
        kept = {t.number: t.value for t in study.get_trials() if t.state.name == "COMPLETE"}
        assert set(finished) <= set(kept)
        assert all(kept[number] == pytest.approx(finished[number], rel=1e-5) for number in finished)
    assert 3 <= len(kept) < 12
    assert subprocess.run(command, cwd=CHECKOUT, capture_output=True).returncode == 0
    study = open_study(tmp_path, search_of(), {})
    ended = [t for t in study.get_trials() if t.state.name == "COMPLETE"]
    assert len(ended) == 12
    assert "RUNNING" not in states(study)
    assert all(t.value == kept[t.number] for t in ended if t.number in kept)
    for trial in ended:  # the same point each time, and no epoch twice
        folder = tmp_path / f"trials/{trial.number}"
        assert set((folder / "starts").read_text().split()) == {repr(trial.params["x"])}
        assert len((folder / "epochs").read_text().split()) == 4
    points = [trial.params["x"] for trial in study.get_trials()]
    assert len(set(points)) == len(points)


def test_an_interrupted_search_tries_the_points_of_one_that_was_not(tmp_path):
    edits = {"sampler": {"name": "random", "seed": 5}}
    whole = run_search(tmp_path / "whole", search_of(trials=6, **edits))
    for trials in (2, 4, 6):
        parts = run_search(tmp_path / "parts", search_of(trials=trials, **edits))
    assert values(parts) == values(whole)


def test_a_stopped_search_leaves_its_trials_running_and_goes_on_with_them(tmp_path):
    looks = iter(range(100))
    stopped = run_search(
        tmp_path, search_of(trials=4, parallel=2), is_stopped=lambda: next(looks) > 1
    )
    assert states(stopped) == ["RUNNING", "RUNNING"]
    assert states(run_search(tmp_path, search_of(trials=4, parallel=2))) == ["COMPLETE"] * 4


def test_a_last_line_that_a_killed_search_left_incomplete_and_its_lock_are_removed(tmp_path):
    run_search(tmp_path, search_of(trials=2))
    with (tmp_path / "study.log").open("a") as journal:
        journal.write('{"op_code":4,"wor')
    (tmp_path / "study.log.lock").symlink_to("study.log")
    started = time.monotonic()
    assert states(run_search(tmp_path, search_of(trials=3))) == ["COMPLETE"] * 3
    assert time.monotonic() - started < 20  # Optuna itself waits 30 s for a lock


def test_the_time_of_all_runs_together_is_limited(tmp_path):
    assert states(run_search(tmp_path, search_of(trials=9, hours=0.01 / 3600))) == ["COMPLETE"]
    again = run_search(tmp_path, search_of(trials=9, hours=0.01 / 3600))
    assert states(again) == ["COMPLETE"]


def test_values_of_another_space_or_recipe_are_not_mixed(tmp_path):
    open_study(tmp_path, search_of(), {"train": {"num_epochs": 3}})
    open_study(tmp_path, search_of(trials=99, parallel=5), {"train": {"num_epochs": 3}})
    with pytest.raises(StepsError, match="another section train"):
        open_study(tmp_path, search_of(), {"train": {"num_epochs": 4}})
    with pytest.raises(StepsError, match="another space"):
        space = {"x": {"range": [0, 11]}}
        open_study(tmp_path, search_of(space=space), {"train": {"num_epochs": 3}})


class Fails(FakeTrial):
    def value(self):
        raise StepsError("train_model: out of memory")


class FailsFor(FakeRecipe):
    def __init__(self, folder, numbers):
        super().__init__(folder)
        self.numbers = numbers

    def start(self, number, over):
        kind = Fails if number in self.numbers else FakeTrial
        return kind(self.folder / f"trials/{number}", over["x"])


def test_a_trial_that_fails_does_not_count_and_its_reason_is_kept(tmp_path):
    search = search_of(trials=3, space={"x": {"range": [0, 9]}})
    study = run_search(tmp_path, search, FailsFor(tmp_path, {1}))
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    write_trials(tmp_path / "trials.tsv", study, Space(search.space), str)
    rows = (tmp_path / "trials.tsv").read_text().splitlines()
    assert rows[0].split("\t") == [
        *("trial", "state", "objective", "epochs", "seconds", "x", "folder", "reason")
    ]
    assert rows[2].split("\t")[1] == "failed"
    assert rows[2].endswith("\ttrain_model: out of memory")


def test_three_failures_in_a_row_end_the_search_with_the_reason(tmp_path):
    search = search_of(trials=9, space={"x": {"range": [0, 9]}})
    with pytest.raises(StepsError, match="3 trials in a row have failed.*out of memory"):
        run_search(tmp_path, search, FailsFor(tmp_path, set(range(9))))
    with pytest.raises(StepsError, match="no trial has ended with a value"):
        study = open_study(tmp_path, search, {})
        write_best(tmp_path / "best.yaml", study, Space(search.space), "valid_loss")


def test_the_best_trial_is_an_overlay_and_a_key_without_effect_is_unimportant(tmp_path):
    space = {
        "x": {"range": [0, 9]},
        "train.seed": {"int_range": [1, 1000]},
        "train.mix": {"choices": [None, {"name": "mixup"}]},
    }
    search = search_of(trials=12, parallel=6, space=space, sampler={"name": "random"})
    study = run_search(tmp_path, search)
    write_best(tmp_path / "best.yaml", study, Space(search.space), "valid_loss")
    best = study.best_trial
    mix = "null" if best.params["train.mix"] == "null" else "\n    name: mixup"
    mix = f"mix:{' ' if mix == 'null' else ''}{mix}"
    assert (tmp_path / "best.yaml").read_text() == (
        f"# Trial {best.number} of 12: valid_loss {best.value:.6g}\n"
        f"x: {best.params['x']}\n"
        f"train:\n  {mix}\n  seed: {best.params['train.seed']}\n"
    )
    write_importance(tmp_path / "importance.tsv", study)
    rows = [row.split("\t") for row in (tmp_path / "importance.tsv").read_text().splitlines()[1:]]
    assert rows[0][0] == "x"
    assert sum(float(share) for _, share in rows) == pytest.approx(1, abs=1e-3)
    assert float(rows[0][1]) > 0.5
