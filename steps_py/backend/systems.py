"""Scoring systems: named chains of steps, and the command and inputs of every job they take.

    plda: [centre, lda, length_norm, plda]
    calibrated: [plda, {logistic: {calibrate_on: dev}}]

A chain may begin with the name of another system, whose scores it changes.

A file that a step estimates is in ``exp/backend/<steps up to it>/``, so systems whose chains
begin with the same steps share it.
"""

import dataclasses
from typing import Any

from steps_py.backend.chains import parse_chains
from steps_py.backend.command_line import command_line
from steps_py.backend.step_job import FOLDER, Material, StepJob, score_command
from steps_py.backend.steps.base import Join, ScoreStep
from steps_py.data.trial_parts import OVER_COPIES
from steps_py.errors import ConfigError, did_you_mean


@dataclasses.dataclass(frozen=True)
class Command:
    """A shell command that writes one file, and the files that it reads."""

    text: str
    inputs: tuple[str, ...]


class Systems:
    """The scoring systems of a recipe.

    Parameters
    ----------
    scores, backend, trials : dict
        Sections ``scores``, ``backend`` and ``data.trials`` of a checked config, with defaults.
    dim : int
        The dimension of the x-vectors.
    models : mapping of str to str, optional
        Enrolments of several utterances, section ``data.models``: name -> set of the utterances.
    copied : mapping of str to str, optional
        Sets that have copies, of ``xvectors.copies``: set -> the set of its copies.

    Raises
    ------
    ConfigError
        If a chain names a step or an option that does not exist, or its order makes no sense.

    Examples
    --------
    >>> systems = Systems(
    ...     {"systems": {"cosine": ["centre", "cosine"]}},
    ...     {"train_sets": ["train"], "adapt_set": None},
    ...     {"dev": {"enroll": "dev_test", "test": "dev_test"}},
    ...     dim=512,
    ... )
    >>> systems.names, systems.estimates(), systems.sets()
    (['cosine'], ['centre/mean.vec'], ['dev_test', 'train'])
    >>> print(systems.estimate("centre/mean.vec").text)
    ivector-mean scp:exp/backend/xvector.scp exp/backend/centre/mean.vec
    """

    def __init__(
        self,
        scores: dict[str, Any],
        backend: dict[str, Any],
        trials: dict[str, Any],
        dim: int,
        models: dict[str, str] | None = None,
        copied: dict[str, str] | None = None,
    ):
        train_sets, adapt_set = tuple(backend["train_sets"]), backend["adapt_set"]
        self._material = Material(
            train_sets, adapt_set, dim, trials, models=models or {}, copied=copied or {}
        )
        self._trials = trials
        self._links, faults = parse_chains(scores["systems"], backend)
        if faults:
            raise ConfigError("\n".join(faults))

    @property
    def names(self) -> list[str]:
        """The systems, in the recipe's order."""
        return list(self._links)

    def estimates(self) -> list[str]:
        """All files below ``exp/backend`` that steps of these systems can estimate."""
        return self._files(lambda step: step.estimates)

    def vector_estimates(self) -> list[str]:
        """Those of transforms and models."""
        return self._files(lambda step: () if _of_scores(step) else step.estimates)

    def score_estimates(self) -> list[str]:
        """Those of steps that join or change scores, which may read scores."""
        return self._files(lambda step: step.estimates if _of_scores(step) else ())

    def early(self) -> list[str]:
        """All files below ``exp/backend`` that steps of these systems make of tables alone."""
        return self._files(lambda step: step.early)

    def _files(self, of):
        links = [link for chain in self._links.values() for link in chain]
        return list(
            dict.fromkeys(f"{link.path}/{file}" for link in links for file in of(link.step))
        )

    def estimate(self, file: str) -> Command:
        """The command that writes one of `estimates` or `early`."""
        path, _, name = file.rpartition("/")
        link = next(x for chain in self._links.values() for x in chain if x.path == path)
        job = StepJob(link, self._material, out=f"{FOLDER}/{file}")
        return Command(link.step.estimate(name, job), tuple(job.inputs))

    def score(self, system: str, trials: str) -> Command:
        """The command that writes a system's scores of a trial list to its standard output."""
        inputs = []
        text = score_command(self._links[system], self._material, trials, inputs)
        return Command(text, tuple(inputs))

    def expand(self, trials: str, over: str) -> Command:
        """The command that writes the list of the parts of trials that a step is `over`."""
        path, inputs = f"data/trials/{trials}", []
        words = ["--trials", path, "--over", over, "--out", f"{path}.{over}"]
        for side, dset in zip(("enroll", "test"), self._material.sides_of(trials), strict=True):
            tables = self._material.part_tables(dset, over)
            words += [f"--{side}-parts", *tables]
            inputs += tables
        stage = command_line("python", "-m", "steps_py.stages.expand_trials", *words)
        return Command(stage, (path, *inputs))

    def kept(self, system: str) -> list[dict] | None:
        """What the system scores new recordings by, for `KeptChain`; None: it needs the recipe.

        A link is {"step": its section, "files": paths}, of a `Join` with "systems", their chains.
        """
        chain = []
        for link in self._links[system]:
            step, job = link.step, StepJob(link, self._material)
            files = step.kept_files(job)
            others = [self.kept(other) for other in step.systems]
            if files is None or None in others or (isinstance(step, ScoreStep) and step.over):
                return None
            kept = {"step": link.section, "files": list(files)}
            chain.append({**kept, "systems": others} if isinstance(step, Join) else kept)
        return chain

    def calibrated(self, system: str) -> bool:
        """Whether the system's scores are log-likelihood ratios that priors set thresholds for."""
        return self._links[system][-1].step.calibrates

    def trained_on(self, system: str, trials: str) -> bool:
        """Whether a step of the system, or of one that it reads, is estimated on that list."""
        steps = [link.step for link in self._links[system]]
        return any(
            trials in step.trial_lists or any(self.trained_on(s, trials) for s in step.systems)
            for step in steps
        )

    def inputs(self) -> set[str]:
        """Every file that a job of these systems reads."""
        jobs = [self.score(system, trials) for system in self.names for trials in self._trials]
        todo, seen = [path for job in jobs for path in job.inputs], set()
        files = self.estimates() + self.early()
        estimates = {f"{FOLDER}/{file}": file for file in files}
        while todo:
            path = todo.pop()
            if path not in seen and path in estimates:
                todo += self.estimate(estimates[path]).inputs
            seen.add(path)
        return seen

    def sets(self) -> list[str]:
        """The sets whose x-vectors are read, of the training sets only where a step needs them."""
        inputs = self.inputs()
        sets = {path.split("/")[2] for path in inputs if path.startswith("exp/xvectors/")}
        return sorted(
            sets | set(self._material.train_sets if f"{FOLDER}/xvector.scp" in inputs else ())
        )


def check_systems(
    scores: dict[str, Any],
    backend: dict[str, Any],
    trials: list[str] | None = None,
    sets: list[str] | None = None,
    has_copies: bool = True,
) -> None:
    """Raise one ConfigError with a line for every chain that is not a system.

    `trials` and `sets` are the names that the recipe has for trial lists and sets; those that
    options of steps name must be among them.  None: names are not checked.  `has_copies`: whether
    utterances have copies, ``xvectors.copies``.
    """
    links_of, faults = parse_chains(scores["systems"], backend)
    for system, links in links_of.items():
        for step in [link.step for link in links]:
            if isinstance(step, ScoreStep) and step.over in OVER_COPIES and not has_copies:
                faults.append(
                    f"'scores.systems.{system}': the mean of scores over {step.over} needs"
                    " copies. Set xvectors.copies."
                )
            for what, named, known in (
                ("trial list", step.trial_lists, trials),
                ("set", step.sets, sets),
            ):
                faults += [
                    f"'scores.systems.{system}' names the {what} '{name}'."
                    f" {did_you_mean(name, known)}"
                    for name in named
                    if known is not None and name not in known
                ]
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))


def _of_scores(step):
    return isinstance(step, Join | ScoreStep)
