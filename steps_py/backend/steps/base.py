"""What all steps of a scoring system share: four kinds, and what each must define.

A system is a chain of steps: transforms of vectors, one model that scores pairs of vectors, then
steps that change scores.  In place of transforms and model there may be the name of another
system, or one step that joins the scores of several.  A step writes command lines; a method of
its own runs as one by `StepJob.python`.  The `StepJob` (steps_py/backend/step_job.py) gives it
the tables and files that it may name there.

STEPS  ``cls(config)`` with a frozen dataclass ``Config``, the options of the step;
       ``estimates`` and ``early``, the names of the files that it writes;
       ``estimate(file, job)``, the shell command that writes one of them to ``job.out``;
       and the method of its kind, below.

A system is kept in a file (steps_py/system), to score recordings without its recipe, if all of its
steps define ``kept_files`` and the method of their kind that scores vectors in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from steps_py.registry import Registry

if TYPE_CHECKING:
    from steps_py.backend.pair_scorers import PairScorer
    from steps_py.backend.step_job import StepJob

STEPS = Registry("scoring step", home="steps_py.backend.steps")


class Step:
    """Base of all steps: `Transform`, `Model`, `Join` and `ScoreStep`.

    Attributes
    ----------
    estimates : tuple of str
        Files that `estimate` can write; those that another command names through ``job.own``
        are made before it.
    early : tuple of str
        Files that `estimate` writes from tables alone (``job.training_tables``, ``job.table``,
        trial lists): they are made before any feature, so that a mistake is found before the
        training of a network.
    recipe_keys : mapping of str to str
        Options that section ``backend`` of a recipe sets for every step of this name: option ->
        key, with dots between levels.  An option in a chain takes precedence.
    needs_adapt_set : bool
        Whether a recipe without ``backend.adapt_set`` cannot use the step.
    calibrates : bool
        Whether scores after the step are log-likelihood ratios that thresholds can be set for.
    """

    estimates: ClassVar[tuple[str, ...]] = ()
    early: ClassVar[tuple[str, ...]] = ()
    recipe_keys: ClassVar[Mapping[str, str]] = {}
    needs_adapt_set: ClassVar[bool] = False
    calibrates: ClassVar[bool] = False

    def __init__(self, config):
        self.config = config

    @property
    def systems(self) -> Sequence[str]:
        """Other systems of the recipe whose scores the step reads."""
        return ()

    @property
    def trial_lists(self) -> Sequence[str]:
        """Trial lists that the step is estimated on."""
        return ()

    @property
    def sets(self) -> Sequence[str]:
        """Sets that options of the step name."""
        return ()

    def check_place(self, before: Sequence["Step"]):
        """Raise ConfigError unless the steps before it in the chain are those that it needs."""

    def estimate(self, file: str, job: "StepJob") -> str:
        """The shell command that writes a file of `estimates` or `early` to ``job.out``."""
        raise NotImplementedError(f"{type(self).__name__} does not estimate {file}")

    def kept_files(self, job: "StepJob") -> Sequence[str] | None:
        """The files by which the step treats new recordings; None: it needs the recipe for that."""
        return None


class Transform(Step):
    """A step that changes vectors one by one."""

    def out_dim(self, in_dim: int) -> int:
        """The dimension of the vectors after the step, or an upper bound of it."""
        return in_dim

    def apply(self, job: "StepJob", vectors: str, of_training: bool) -> str:
        """The command that reads a table of vectors and writes ``ark:-``.

        Parameters
        ----------
        job : StepJob
        vectors : str
            The rspecifier to read, ``scp:<file>`` or ``ark:-``.
        of_training : bool
            Whether these are the vectors that the steps are trained on.
        """
        raise NotImplementedError

    def vector_function(self, *files: str) -> Callable[[np.ndarray], np.ndarray]:
        """The same in memory, of vectors (N, D) that are not trained on; by its `kept_files`."""
        raise NotImplementedError


class Model(Step):
    """A step that scores the pairs of a trial list.

    Attributes
    ----------
    loss : str or None
        The loss of the network, alone or in a weighted sum, whose weights the step scores with.
    """

    loss: ClassVar[str | None] = None

    def score(self, job: "StepJob") -> str:
        """The command that writes ``<enroll> <test> <score>`` lines to the file ``-``."""
        raise NotImplementedError

    def files(self, job: "StepJob") -> Sequence[str]:
        """The files of the model, as `pair_scorer` takes them."""
        return ()

    def pair_scorer(self, *files: str) -> "PairScorer":
        """The same scores in Python, of any pairs of vectors: with a cohort, for instance."""
        raise NotImplementedError

    def kept_files(self, job):
        return None if type(self).pair_scorer is Model.pair_scorer else self.files(job)


class Join(Step):
    """A step at the beginning of a chain that makes scores out of those of other systems."""

    def score(self, job: "StepJob") -> str:
        """The command that writes ``<enroll> <test> <score>`` lines to its standard output."""
        raise NotImplementedError

    def join_function(self, *files: str) -> Callable[[np.ndarray], np.ndarray]:
        """The same in memory: the scores (T,) of scores (T, F) of the `systems`."""
        raise NotImplementedError


class ScoreStep(Step):
    """A step after the model: normalisation or calibration of scores."""

    @property
    def over(self) -> str | None:
        """What the steps before it score in place of trials: see `steps_py.data.trial_parts`."""
        return None

    def rescore(self, job: "StepJob") -> str:
        """The command that reads ``<enroll> <test> <score>`` lines and writes such lines."""
        raise NotImplementedError

    def score_function(self, scorer: "PairScorer | None", *files: str) -> Callable:
        """The same in memory: ``function(score_T, trials)`` gives scores (T,).

        `trials` is a `steps_py.backend.kept_chain.MemoryTrials`, `scorer` that of the chain's
        model; None after a `Join`.
        """
        raise NotImplementedError
