"""One job of a step: the files that its command may name, each of which becomes an input."""

import json
import os
from dataclasses import dataclass, field

from steps_py.backend.command_line import command_line
from steps_py.backend.steps.base import Step, Transform
from steps_py.own_parts import files_of

FOLDER = "exp/backend"


@dataclass(frozen=True)
class Link:
    """A step at its place in a chain."""

    step: Step
    section: dict  # name and options, as STEPS.configure takes them
    path: str  # names of the steps up to this one, as a folder: centre/lda
    before: tuple["Link", ...]


@dataclass(frozen=True)
class Material:
    """The vectors that a recipe has for its steps."""

    train_sets: tuple[str, ...]
    adapt_set: str | None  # unlabelled, of the trials' domain
    dim: int


@dataclass
class StepJob:
    """What a step's command may name.

    Tables of vectors are Kaldi rspecifiers, as ``ark:... |`` where they go through steps first.
    Whatever a step takes from here is appended to `inputs`, so that the rule reruns with it.

    Attributes
    ----------
    link : Link
        The step, in its chain.
    recipe : Material
        The sets and the dimension of the recipe's vectors.
    out : str
        The file that `Step.estimate` writes.
    trials, enroll_set, test_set : str
        The trial list of `Model.score` and `ScoreStep.rescore`, and the sets of its sides.
    inputs : list of str
        The files named so far.
    """

    link: Link
    recipe: Material
    out: str = ""
    trials: str = ""
    enroll_set: str = ""
    test_set: str = ""
    inputs: list[str] = field(default_factory=list)

    def own(self, file: str) -> str:
        """The path of a file that this step estimates."""
        return self._input(f"{FOLDER}/{self.link.path}/{file}")

    def training(self, *then: tuple[str, ...]) -> str:
        """The training vectors after the steps before this one.

        Commands in `then`, given as words without tables, are applied last.
        """
        return self._vectors(f"{FOLDER}/xvector.scp", True, then)

    def adaptation(self, *then: tuple[str, ...]) -> str | None:
        """The adaptation set's vectors after the steps before this one; None without a set."""
        adapt_set = self.recipe.adapt_set
        return self.vectors(adapt_set, *then) if adapt_set else None

    def vectors(self, dset: str, *then: tuple[str, ...]) -> str:
        """The vectors of any set of the recipe after the steps before this one."""
        return self._vectors(f"exp/xvectors/{dset}/xvector.scp", False, then)

    def enroll(self, *then: tuple[str, ...]) -> str:
        """The vectors of the trial list's enrolment set."""
        return self.vectors(self.enroll_set, *then)

    def test(self, *then: tuple[str, ...]) -> str:
        """The vectors of the trial list's test set."""
        return self.vectors(self.test_set, *then)

    @property
    def training_tables(self) -> list[str]:
        """The tables utt2spk of the training sets, which are there before any x-vector."""
        return [self._input(f"data/{dset}/utt2spk") for dset in self.recipe.train_sets]

    @property
    def vector_dim(self) -> int:
        """The dimension of vectors after the steps before this one, or an upper bound of it."""
        dim = self.recipe.dim
        for link in self.link.before:
            dim = link.step.out_dim(dim)
        return dim

    @property
    def utt2spk(self) -> str:
        """The table of the training vectors' speakers."""
        return self._input(f"{FOLDER}/utt2spk")

    @property
    def spk2utt(self) -> str:
        """The table of the training speakers' vectors."""
        return self._input(f"{FOLDER}/spk2utt")

    @property
    def pairs(self) -> str:
        """``<enroll> <test>`` of every trial, as Kaldi's scoring commands read them."""
        path = self._input(f"data/trials/{self.trials}")
        return f"{command_line('cut', '-d', ' ', '-f1,2', path)} |"

    def python(self, method: str, *words: str) -> str:
        """The command that calls ``step.<method>(*words)`` of this step, in Python."""
        for file in files_of(type(self.link.step)):
            self._input(os.path.relpath(file))
        stage = ["python", "-m", "steps_py.stages.run_step"]
        section = json.dumps(self.link.section, sort_keys=True)
        return command_line(*stage, "--step", section, method, *words)

    def _vectors(self, scp, of_training, then):
        source, commands = f"scp:{self._input(scp)}", []
        for link in self.link.before:
            if isinstance(link.step, Transform):
                commands.append(link.step.apply(self._at(link), source, of_training))
                source = "ark:-"
        for words in then:
            commands.append(command_line(*words, source, "ark:-"))
            source = "ark:-"
        return f"ark:{' | '.join(commands)} |" if commands else source

    def _at(self, link):
        """The same job, seen by a step before: what that one names are inputs of this one."""
        return StepJob(link, self.recipe, inputs=self.inputs)

    def _input(self, path):
        if path not in self.inputs:
            self.inputs.append(path)
        return path
