"""One job of a step: the files that its command may name, each of which becomes an input."""

import dataclasses
import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from steps_py.backend.command_line import command_line
from steps_py.backend.steps.base import Join, Model, Step, Transform
from steps_py.data.trial_parts import UTTERANCES
from steps_py.own_parts import files_of, recipe_folder

FOLDER = "exp/backend"


@dataclass(frozen=True)
class Link:
    """A step at its place in a chain."""

    step: Step
    section: dict  # name and options, as STEPS.configure takes them
    path: str  # names of the steps up to this one, as a folder: centre/lda
    before: tuple["Link", ...]
    after_system: str | None = None  # the system whose name stands directly before the step


@dataclass(frozen=True)
class Material:
    """The vectors and the trial lists that a recipe has for its steps."""

    train_sets: tuple[str, ...]
    adapt_set: str | None  # unlabelled, of the trials' domain
    dim: int
    trials: dict  # section data.trials
    models: Mapping[str, str] = field(default_factory=dict)  # of data.models: name -> set
    copied: Mapping[str, str] = field(default_factory=dict)  # set -> that of its copies

    def sides_of(self, trials: str) -> tuple[str, str]:
        """The sets of both sides of a trial list, or of the list ``<trials>.<over>`` of its parts.

        >>> material = Material((), None, 2, {"dev": {"enroll": "m", "test": "b"}}, {"m": "a"})
        >>> material.sides_of("dev"), material.sides_of("dev.utterances")
        (('m', 'b'), ('a', 'b'))
        """
        name, _, over = trials.partition(".")
        sides = self.trials[name]["enroll"], self.trials[name]["test"]
        return tuple(self._set_of_parts(side, over) for side in sides) if over else sides

    def utterances_of(self, dset: str) -> tuple[str, str, str]:
        """The set of the utterances behind the vectors of a set, and how one leads to the other.

        The last two are the kind and the path of a table: "parts", "copies", or "" for none.
        """
        if dset in self.models:
            return self.models[dset], "parts", f"data/{dset}/spk2utt"
        for name, copies in self.copied.items():
            if dset == copies:
                return name, "copies", f"data/{copies}/utt2copies"
        if dset == "train_augmented":
            return "train", "parts", f"data/{dset}/utt2uniq"
        return dset, "", ""

    def part_tables(self, dset: str, over: str) -> list[str]:
        """Tables from the names of a set to the parts that a step is `over`."""
        tables = [f"data/{dset}/spk2utt"] if dset in self.models else []
        if over != UTTERANCES:
            tables.append(f"data/{self._set_of_parts(dset, over)}/utt2copies")
        return tables

    def _set_of_parts(self, dset, over):
        dset = self.models.get(dset, dset)
        return dset if over == UTTERANCES else self.copied[dset]


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
    trials : str
        The trial list of `Model.score`, `Join.score` and `ScoreStep.rescore`.
    dset : str or None
        The set of the vectors of `Transform.apply`; None: the training sets.
    inputs : list of str
        The files named so far.
    """

    link: Link
    recipe: Material
    out: str = ""
    trials: str = ""
    dset: str | None = None
    inputs: list[str] = field(default_factory=list)

    @property
    def enroll_set(self) -> str:
        """The set of the trial list's enrolment side."""
        return self.sets_of(self.trials)[0]

    @property
    def test_set(self) -> str:
        """The set of the trial list's test side."""
        return self.sets_of(self.trials)[1]

    def own(self, file: str) -> str:
        """The path of a file that this step estimates."""
        return self._input(f"{FOLDER}/{self.link.path}/{file}")

    def training(self, *then: tuple[str, ...]) -> str:
        """The training vectors after the steps before this one.

        Commands in `then`, given as words without tables, are applied last.
        """
        return self._vectors(None, then)

    def adaptation(self, *then: tuple[str, ...]) -> str | None:
        """The adaptation set's vectors after the steps before this one; None without a set."""
        adapt_set = self.recipe.adapt_set
        return self.vectors(adapt_set, *then) if adapt_set else None

    def vectors(self, dset: str, *then: tuple[str, ...]) -> str:
        """The vectors of any set of the recipe after the steps before this one."""
        return self._vectors(dset, then)

    def vectors_after(self, kind: type[Step], dset: str) -> str:
        """The vectors of any set after those steps only that begin the chain and are of a kind."""
        leading = itertools.takewhile(lambda link: isinstance(link.step, kind), self.link.before)
        return self._vectors(dset, (), tuple(leading))

    def enroll(self, *then: tuple[str, ...]) -> str:
        """The vectors of the trial list's enrolment set."""
        return self.vectors(self.enroll_set, *then)

    def test(self, *then: tuple[str, ...]) -> str:
        """The vectors of the trial list's test set."""
        return self.vectors(self.test_set, *then)

    def table(self, dset: str, name: str) -> str:
        """A table ``data/<set>/<name>`` of any set: utt2spk, utt2dur, vad.scp, feats.scp."""
        return self._input(f"data/{dset}/{name}")

    def values_of(self, dset: str, name: str) -> tuple[str, str, str]:
        """The table ``utt2<name>`` of a set, or a file of the recipe, as `Conditions` takes it."""
        utts, kind, links = self.recipe.utterances_of(dset)
        table = (
            os.path.relpath(recipe_folder() / name) if "/" in name else f"data/{utts}/utt2{name}"
        )
        return self._input(table), kind, self._input(links) if links else ""

    def sets_of(self, trials: str) -> tuple[str, str]:
        """The sets of the enrolment and the test side of a trial list."""
        return self.recipe.sides_of(trials)

    def part_tables(self, dset: str, over: str) -> list[str]:
        """Tables from the names of a set to their parts, as `pairs_of_parts` takes them."""
        return [self._input(path) for path in self.recipe.part_tables(dset, over)]

    def labels(self, trials: str) -> str:
        """``<enroll> <test> target|nontarget`` of every trial of a list."""
        return self._input(f"data/trials/{trials}")

    def speakers_of(self, trials: str) -> list[str]:
        """A trial list and the tables utt2spk of its sides, as `read_list_speakers` takes them."""
        sides = (self.table(dset, "utt2spk") for dset in self.sets_of(trials))
        return [self.labels(trials), *sides]

    def scores_of(self, system: str, trials: str) -> str:
        """The file of another system's scores of a trial list."""
        return self._input(f"exp/scores/{system}/{trials}")

    def outside(self, path: str) -> str:
        """A file that no rule of the recipe makes."""
        return self._input(path)

    def own_or_given(self, file: str, given: str | None) -> str:
        """The file of `estimates`, or in its place one that the config names."""
        return self.own(file) if given is None else self.outside(given)

    def scores_before(self, trials: str) -> str:
        """The command that writes the scores of any trial list by the steps before this one."""
        if self.link.after_system:
            return command_line("cat", self.scores_of(self.link.after_system, trials))
        return score_command(self.link.before, self.recipe, trials, self.inputs)

    def step_before(self, kind: type[Step]) -> "StepJob | None":
        """The job of the last step of that kind before this one, or None."""
        found = [link for link in self.link.before if isinstance(link.step, kind)]
        return self._at(found[-1]) if found else None

    def model_words(self) -> list[str]:
        """What `load_scorer` makes the scorer of the chain's model of: its section and files."""
        model = self.step_before(Model)
        return [model.section_word(), *model.link.step.files(model)]

    def own_files(self, cls: type):
        """Make the recipe's own files that define a class inputs."""
        for file in files_of(cls):
            self._input(os.path.relpath(file))

    def section_word(self) -> str:
        """The step's name and options as one word of a command; its own files are inputs."""
        self.own_files(type(self.link.step))
        return json.dumps(self.link.section, sort_keys=True)

    @property
    def num_utts(self) -> str | None:
        """The table of how many utterances each enrolment has; None where each has one."""
        if self.enroll_set not in self.recipe.models:
            return None
        return self._input(f"exp/xvectors/{self.enroll_set}/num_utts")

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
    def head(self) -> str:
        """The weights of the loss that the recipe's network was trained with."""
        return self._input("exp/model/head.pt")

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
        stage = ["python", "-m", "steps_py.stages.run_step"]
        return command_line(*stage, "--step", self.section_word(), method, *words)

    def _vectors(self, dset, then, links=None):
        scp = f"exp/xvectors/{dset}/xvector.scp" if dset else f"{FOLDER}/xvector.scp"
        source, commands = f"scp:{self._input(scp)}", []
        for link in self.link.before if links is None else links:
            if isinstance(link.step, Transform):
                job = dataclasses.replace(self._at(link), dset=dset)
                commands.append(link.step.apply(job, source, of_training=dset is None))
                source = "ark:-"
        for words in then:
            commands.append(command_line(*words, source, "ark:-"))
            source = "ark:-"
        return f"ark:{' | '.join(commands)} |" if commands else source

    def _at(self, link):
        """The same job, seen by a step before: what that one names are inputs of this one."""
        return StepJob(link, self.recipe, trials=self.trials, inputs=self.inputs)

    def _input(self, path):
        if path not in self.inputs:
            self.inputs.append(path)
        return path


def score_command(links, recipe, trials, inputs) -> str:
    """The command that writes the scores of a trial list by the steps of a chain.

    What it reads is appended to `inputs`.
    """
    commands = []
    for link in reversed(links):
        job = StepJob(link, recipe, trials=trials, inputs=inputs)
        if isinstance(link.step, Model | Join):
            commands.append(link.step.score(job))
            break
        commands.append(link.step.rescore(job))
        if link.step.over:
            trials = f"{trials}.{link.step.over}"
        elif link.after_system:
            commands.append(job.scores_before(trials))
            break
    return " | ".join(reversed(commands))
