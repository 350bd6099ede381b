"""Scoring systems: named chains of steps, and the command and inputs of every job they take.

    plda: [centre, lda, length_norm, plda]

A file that a step estimates is in ``exp/backend/<steps up to it>/``, so systems whose chains
begin with the same steps share it.
"""

import dataclasses
import hashlib
import json

from steps_py.backend.step_job import FOLDER, Link, Material, StepJob
from steps_py.backend.steps import STEPS
from steps_py.backend.steps.base import Model, ScoreStep, Transform
from steps_py.errors import ConfigError, did_you_mean

CHAINS = {
    "plda": ["centre", "lda", "length_norm", "plda"],
    "cosine": ["centre", "cosine"],
    "lda_cosine": ["centre", "lda", "length_norm", "cosine"],
}


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

    def __init__(self, scores, backend, trials, dim):
        self._material = Material(tuple(backend["train_sets"]), backend["adapt_set"], dim)
        self._trials = trials
        self._links = {
            name: parse_chain(name, chain, backend)
            for name, chain in chains_of(scores["systems"], backend).items()
        }

    @property
    def names(self) -> list[str]:
        """The systems, in the recipe's order."""
        return list(self._links)

    def estimates(self) -> list[str]:
        """All files below ``exp/backend`` that steps of these systems can estimate."""
        return self._files(lambda step: step.estimates)

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
        inputs, commands = [], []
        sides = {f"{side}_set": self._trials[trials][side] for side in ("enroll", "test")}
        for link in self._links[system]:
            job = StepJob(link, self._material, trials=trials, **sides, inputs=inputs)
            if isinstance(link.step, Model):
                commands.append(link.step.score(job))
            elif isinstance(link.step, ScoreStep):
                commands.append(link.step.rescore(job))
        return Command(" | ".join(commands), tuple(inputs))

    def inputs(self) -> set[str]:
        """Every file that a job of these systems reads."""
        jobs = [self.score(system, trials) for system in self.names for trials in self._trials]
        todo, seen = [path for job in jobs for path in job.inputs], set()
        estimates = {f"{FOLDER}/{file}": file for file in self.estimates() + self.early()}
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


def check_systems(scores, backend):
    """Raise one ConfigError with a line for every chain that is not a system."""
    faults = []
    for name, chain in chains_of(scores["systems"], backend).items():
        try:
            parse_chain(name, chain, backend)
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))


def chains_of(systems, backend) -> dict[str, list]:
    """The chain of every system: a list names chains of `CHAINS`, a mapping gives its own.

    Chains of `CHAINS` have no ``length_norm`` where the recipe's ``backend.length_norm`` is false.
    """
    if isinstance(systems, dict):
        return systems
    unknown = [name for name in systems if name not in CHAINS]
    if unknown:
        raise ConfigError(
            f"'scores.systems' names '{unknown[0]}'. {did_you_mean(unknown[0], CHAINS)}"
            " A system of your own is a name with its chain of steps."
        )
    dropped = [] if backend.get("length_norm", True) else ["length_norm"]
    return {name: [step for step in CHAINS[name] if step not in dropped] for name in systems}


def parse_chain(system: str, chain: list, backend: dict) -> tuple[Link, ...]:
    """The links of one chain, whose elements are ``name`` or ``{name: options}``.

    >>> [link.path for link in parse_chain("plda", ["centre", {"lda": {"dim": 2}}, "plda"], {})]
    ['centre', 'centre/lda.fb89d6', 'centre/lda.fb89d6/plda']
    """
    links = []
    for element in chain:
        name, given = next(iter(element.items())) if isinstance(element, dict) else (element, {})
        try:
            links.append(_link(name, given or {}, backend, tuple(links)))
        except ConfigError as error:
            raise ConfigError(f"'scores.systems.{system}': {error}") from None
    _check_order(system, [link.step for link in links])
    return tuple(links)


def _link(name, given, backend, before):
    cls, _ = STEPS.configure({"name": name, **given})
    defaults = {field.name: field.default for field in dataclasses.fields(cls.Config)}
    options = {**_recipe_wide(cls, backend), **given}
    changed = {key: value for key, value in options.items() if value != defaults[key]}
    section = {"name": name, **changed}
    folder = name if not given else f"{name}.{_digest(given)}"
    path = f"{before[-1].path}/{folder}" if before else folder
    return Link(STEPS.build(section), section, path, before)


def _recipe_wide(cls, backend):
    """The options of a step that section ``backend`` sets for all steps of its name."""
    options = {}
    for option, key in cls.recipe_keys.items():
        section, _, last = key.rpartition(".")
        values = backend.get(section, {}) if section else backend
        if last in values:
            options[option] = values[last]
    return options


def _digest(options):
    """Six hexadecimal digits that tell chains of the same steps with other options apart."""
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:6]


def _check_order(system, steps):
    """Raise ConfigError unless these are transforms, one model, then steps that change scores."""
    kinds = [next(k for k in (Transform, Model, ScoreStep) if isinstance(s, k)) for s in steps]
    place = kinds.index(Model) if Model in kinds else len(kinds)
    if kinds.count(Model) != 1 or kinds != (
        [Transform] * place + [Model] + [ScoreStep] * (len(kinds) - place - 1)
    ):
        models = [name for name in STEPS.names() if issubclass(STEPS.find(name), Model)]
        raise ConfigError(
            f"'scores.systems.{system}' must be transforms of vectors, one model"
            f" ({', '.join(models)}), and after it steps that change scores."
        )
