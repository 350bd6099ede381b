"""Section ``data`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated, Literal

from steps_py.settings.declare import Keywords, part, setting

SET_NAME = {"pattern": "^[A-Za-z0-9_]+$", "expected": "use letters, digits and _"}
# no path separators or wildcards
CORPUS_NAME = {
    "pattern": "^[^/.\\x00-\\x1f]+$",
    "expected": "a name has no slash, no dot and no control character",
}
PartName = Annotated[
    str,
    Keywords(pattern="^[^/.\\x00-\\x1f]+[.][^/\\x00-\\x1f]+$", expected="write <corpus>.<part>"),
]


@dataclass(frozen=True, kw_only=True)
class TrialsConfig:
    """An entry of ``data.trials``."""

    corpus: str | None = setting(None, "corpus of the trial list; null: it is made, by `make`")
    list: str | None = setting(None, "name of the list in that corpus; null: the name here")
    make: Annotated[dict, part("maker of trials")] | None = setting(
        None, "rule that pairs the two sets: all_pairs, balanced, one_versus"
    )
    genders: str | None = setting(
        None,
        "for `make`: file of lines `<speaker> f|m`, relative to the recipe's folder; null: as the"
        " corpora say",
    )
    enroll: str = setting(description="set of the enrolment utterances, or a name of data.models")
    test: str = setting(description="set of the test utterances")
    role: Literal["test", "dev"] = setting(
        "test", "dev: a list that choices may depend on, as those of a search (docs/search.md)"
    )


@dataclass(frozen=True, kw_only=True)
class ModelsConfig:
    """An entry of ``data.models``."""

    of: str = setting(description="set of the utterances")
    file: str | None = setting(
        None,
        "lines `<model> <utterance> <utterance> ...`, utterances of one speaker each; relative to"
        " the recipe's folder; null: a list of `corpus`",
    )
    corpus: str | None = setting(None, "corpus that comes with a list of models")
    list: str | None = setting(None, "name of that list; null: the name here")


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig:
    """Section ``data.synthetic``."""

    name: str = setting(
        description="name of the module local/<name>.py that makes the corpus",
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        expected="it must be the name of a Python module",
    )
    config: dict = setting({}, "settings of that corpus")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Section ``data`` of a recipe."""

    corpora: dict[str, Annotated[dict, part("corpus", "type", named_by_key=True)]] = setting(
        description="name -> options of its type (the name, unless `type` is given)",
        propertyNames=CORPUS_NAME,
    )
    sets: dict[str, Annotated[list[PartName], Keywords(minItems=1)]] = setting(
        description="data/<set> joins these corpus parts",
        required=["train"],
        propertyNames=SET_NAME | {"not": {"enum": ["parts", "trials", "train_augmented"]}},
    )
    trials: dict[str, TrialsConfig] = setting(
        description="trial lists; each gives results/<trials>_eer.txt",
        minProperties=1,
        propertyNames=SET_NAME,
    )
    models: dict[str, ModelsConfig] = setting(
        {},
        "enrolments of several utterances: a name that `enroll` of a trial list may have in place"
        " of a set's",
        propertyNames=SET_NAME | {"not": {"enum": ["parts", "trials", "train_augmented"]}},
    )
    closed_set: bool = setting(
        False,
        "identification among the speakers that are trained on: sets of trial lists have their"
        " speakers, but none of their utterances; false: none of their speakers",
    )
    pipes: Literal["emulate", "programs"] = setting(
        "emulate",
        "decoding in wav.scp pipes of sox, flac, ffmpeg and sph2pipe: emulate: in this project,"
        " where it supports the options; programs: always by the programs (docs/audio.md)",
    )
    watch_audio: bool = setting(
        True,
        "check size and time of every recording at the start of each run, so that replaced ones are"
        " read again",
    )
    synthetic: SyntheticConfig | None = setting(
        None, "a corpus that the recipe makes itself, into corpus/"
    )
