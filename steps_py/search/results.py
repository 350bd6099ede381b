"""What a search leaves: a table of its trials, the importance of keys, and the best config."""

import json
from collections.abc import Callable
from pathlib import Path

import optuna
import pandas as pd
import yaml
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from steps_py.errors import StepsError
from steps_py.files import atomic_write
from steps_py.search.driver import REASON
from steps_py.search.space import Space, overlay

MIN_TRIALS = 4  # with a value, for importances
STATES = {  # as the table names them
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


class Stored:
    """Gives the values of a trial that has been asked for, as a trial of Optuna would."""

    def __init__(self, trial: FrozenTrial):
        self._params = trial.params

    def suggest_categorical(self, name, choices):
        return self._params[name]

    def suggest_float(self, name, low, high, *, step, log):
        return self._params[name]

    def suggest_int(self, name, low, high, *, step, log):
        return self._params[name]


def point_of(space: Space, trial: FrozenTrial) -> dict:
    """The values of a trial; without those that a killed search had not chosen yet."""
    stored = Stored(trial)
    kept = (one for one in space.parameters if one.key in trial.params)
    return {parameter.key: parameter.suggest(stored) for parameter in kept}


def write_trials(path: Path, study: optuna.Study, space: Space, folder_of: Callable) -> None:
    """A row for each trial: number, state, objective, epochs, seconds, values, folder, reason."""
    rows = []
    for trial in study.get_trials(deepcopy=False):
        is_complete = trial.state == TrialState.COMPLETE
        row = {
            "trial": trial.number,
            "state": STATES[trial.state],
            "objective": f"{trial.value:.6g}" if is_complete else "",
            "epochs": max(trial.intermediate_values, default=""),
            "seconds": f"{trial.duration.total_seconds():.1f}" if trial.duration else "",
        }
        point = point_of(space, trial)
        row |= {key: _text(point[key]) if key in point else "" for key in space.keys}
        row |= {"folder": folder_of(trial.number), "reason": _line(trial.user_attrs.get(REASON))}
        rows.append(row)
    with atomic_write(path) as out:
        pd.DataFrame(rows).to_csv(out, sep="\t", index=False)


def write_importance(path: Path, study: optuna.Study) -> None:
    """The share of each key in the variance of the objective (fANOVA, Hutter 2014).

    Of keys that all trials have; empty with fewer than four trials with a value, or equal values.
    """
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    found = {}
    if len(done) >= MIN_TRIALS and len({trial.value for trial in done}) > 1:
        found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    with atomic_write(path) as out:
        out.write("key\timportance\n")
        out.writelines(f"{key}\t{value:.4f}\n" for key, value in found.items())


def write_best(path: Path, study: optuna.Study, space: Space, what: str) -> None:
    """The config of the best trial, to be laid over the recipe's; StepsError if there is none."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not done:
        raise StepsError(
            "no trial has ended with a value. Give it more trials or hours, or correct what the"
            " reasons in exp/search/trials.tsv name."
        )
    best = min(done, key=lambda trial: (trial.value, trial.number))
    with atomic_write(path) as out:
        out.write(f"# Trial {best.number} of {len(done)}: {what} {best.value:.6g}\n")
        yaml.safe_dump(overlay(point_of(space, best)), out, sort_keys=False)


def _text(value):
    return value if isinstance(value, str) else json.dumps(value)


def _line(text):
    return " ".join((text or "").split())
