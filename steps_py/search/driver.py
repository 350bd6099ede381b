"""The loop of a search: ask Optuna for points, run them, report epochs, prune, keep the values.

Everything that is known is in Optuna's journal. After a kill, trials that were running have their
numbers and values there; they go on in their folders before new ones begin.
"""

import math
import time
from collections.abc import Callable
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from steps_py.errors import ConfigError, StepsError
from steps_py.search.config import SearchConfig
from steps_py.search.samplers import sampler_of
from steps_py.search.space import Space, overlay

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
SECONDS = "seconds"  # attribute of a study: how long its searches have run
REASON = "reason"  # of a trial that failed
MAX_FAILURES = 3  # one after another
MAX_REFUSALS = 50  # points in a row that are no valid config
STOP_SEC = 300.0


class RunningTrial(Protocol):
    """A trial at work, as `steps_py.search.recipe_trial.RecipeTrial`."""

    def poll(self) -> bool: ...

    def epochs(self) -> list[float]: ...

    def value(self) -> float: ...

    def stop(self) -> None: ...

    def wait(self, timeout_sec: float) -> None: ...


class Searched(Protocol):
    """What is searched, as `steps_py.search.recipe_trial.Recipe`."""

    def check(self, over: dict) -> None: ...

    def start(self, number: int, over: dict) -> RunningTrial: ...


class Driver:
    """Runs trials until the budget is spent.

    Parameters
    ----------
    study : optuna.Study
    space : Space
    search : SearchConfig
    searched : Searched
    say : function, optional
        Called with a line for each trial that begins or ends.
    after_trial : function, optional
        Called when a trial has ended.
    poll_sec : float
        Seconds between looks at the running trials.
    is_stopped : function, optional
        Whether the search is to end now; the running trials are then stopped.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: Space,
        search: SearchConfig,
        searched: Searched,
        say: Callable[[str], None] = print,
        after_trial: Callable[[], None] = lambda: None,
        poll_sec: float = 1.0,
        is_stopped: Callable[[], object] = lambda: False,
    ):
        self.study, self._space, self._search, self._searched = study, space, search, searched
        self._say, self._after_trial, self._poll_sec = say, after_trial, poll_sec
        self._is_stopped = is_stopped
        self._running: dict[int, tuple[Trial, RunningTrial]] = {}
        self._failures = 0
        self._before_sec = study.user_attrs.get(SECONDS, 0.0)
        self._started = time.monotonic()

    def run(self) -> None:
        """Run trials until the budget is spent or the search is stopped.

        Trials that were stopped stay RUNNING in the study, and go on in the next run.

        Raises
        ------
        StepsError
            If several trials in a row failed.
        """
        try:
            waiting = self._trials(TrialState.RUNNING)
            while not self._is_stopped():
                while waiting and len(self._running) < self._search.parallel:
                    self._go_on(waiting.pop(0))
                while not waiting and self._may_begin():
                    self._begin()
                if not self._running:
                    return
                for number in list(self._running):
                    self._look_at(number)
                time.sleep(self._poll_sec)
        finally:
            self._end_all()
            self.study.set_user_attr(SECONDS, self._elapsed_sec())

    def _trials(self, *states) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    def _elapsed_sec(self):
        return self._before_sec + time.monotonic() - self._started

    def _may_begin(self):
        hours = self._search.hours
        if hours is not None and self._elapsed_sec() > 3600 * hours:
            return False
        at_most = self._search.trials - len(self._trials(*ENDED))
        return len(self._running) < min(self._search.parallel, at_most)

    def _begin(self):
        """Start a trial at a new point that is a valid config."""
        for _ in range(MAX_REFUSALS):
            number = len(self.study.get_trials(deepcopy=False))
            self.study.sampler = sampler_of(self._search.sampler, number)
            trial = self.study.ask()
            if self._start(trial, "begins"):
                return
        raise StepsError(
            f"{MAX_REFUSALS} points of the space in a row are no valid config. The last:"
            f" {self._trials(TrialState.FAIL)[-1].user_attrs[REASON]} Narrow the space, or add"
            " `when`."
        )

    def _go_on(self, frozen):
        self.study.sampler = sampler_of(self._search.sampler, frozen.number)
        self._start(Trial(self.study, frozen._trial_id), "goes on")

    def _start(self, trial, how):
        """Whether the point is a valid config; if it is, its runs are started."""
        values = self._space.suggest(trial)
        shown = ", ".join(f"{key} {value}" for key, value in values.items())
        try:
            over = overlay(values)
            self._searched.check(over)
        except ConfigError as error:
            self._say(f"trial {trial.number} is left out: {shown}: {error}")
            self._fail(trial, str(error))
            return False
        self._say(f"trial {trial.number} {how}: {shown}")
        self._running[trial.number] = (trial, self._searched.start(trial.number, over))
        return True

    def _look_at(self, number):
        trial, run = self._running[number]
        has_ended = run.poll()
        is_hopeless = self._is_hopeless(trial, run)  # reports the last epochs too
        if not has_ended and not is_hopeless:
            return
        del self._running[number]
        if has_ended:
            self._keep_value(trial, run)
        else:
            run.stop()
            run.wait(STOP_SEC)
            self.study.tell(trial, state=TrialState.PRUNED)
            self._say(f"trial {number} is pruned")
            self._failures = 0
        self.study.set_user_attr(SECONDS, self._elapsed_sec())
        self._after_trial()
        if self._failures >= MAX_FAILURES:
            reason = self._trials(TrialState.FAIL)[-1].user_attrs[REASON]
            raise StepsError(f"{MAX_FAILURES} trials in a row have failed. The last: {reason}")

    def _is_hopeless(self, trial, run):
        """Report new epochs to Optuna; whether the trial is to be pruned."""
        if self._search.pruning is None:
            return False
        known = self._frozen(trial).intermediate_values
        for epoch, value in enumerate(run.epochs(), 1):
            if epoch in known or not math.isfinite(value):
                continue
            trial.report(value, epoch)
            if trial.should_prune():
                return True
        return False

    def _frozen(self, trial):
        return self.study.get_trials(deepcopy=False)[trial.number]

    def _keep_value(self, trial, run):
        try:
            value = run.value()
        except StepsError as error:
            self._fail(trial, str(error))
            self._say(f"trial {trial.number} has failed: {error}")
            self._failures += 1
            return
        self.study.tell(trial, value)
        self._failures = 0
        self._say(f"trial {trial.number}: {value:.6g}; best: {self.study.best_value:.6g}")

    def _fail(self, trial, reason):
        trial.set_user_attr(REASON, reason)
        self.study.tell(trial, state=TrialState.FAIL)

    def _end_all(self):
        """Stop all runs; their trials stay RUNNING in the study, and go on next time."""
        for _, run in self._running.values():
            run.stop()
        for _, run in self._running.values():
            run.wait(STOP_SEC)
