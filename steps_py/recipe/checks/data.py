"""Section ``data``: names of corpora and sets, options of corpora."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.data.corpora import load_corpus
from steps_py.data.synthetic import load_maker
from steps_py.errors import StepsError
from steps_py.recipe.checks.names import corpus_of, unknown
from steps_py.settings.build import check_dataclass

if TYPE_CHECKING:
    from steps_py.registry import Entry


def check_set_parts(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Sets consist of parts of known corpora."""
    for name, set_parts in config["data"]["sets"].items():
        for part in set_parts:
            yield from unknown(
                f"data.sets.{name}", corpus_of(part), config["data"]["corpora"], "corpus"
            )


def check_trials(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Trial lists belong to known corpora, and their sets are known and not trained on."""
    data = config["data"]
    trained = [s for s in ["train", *config["backend"]["train_sets"]] if s != "train_augmented"]
    unlabelled = config["train"] and config["train"]["unlabelled"]
    if unlabelled:
        yield from unknown("train.unlabelled.set", unlabelled["set"], data["sets"], "set")
        trained.append(unlabelled["set"])
    if config["extractor"] == "ivector":
        trained += [config["ubm"]["train_set"], config["ivector"]["train_set"]]
    for name, trials in data["trials"].items():
        where = f"data.trials.{name}"
        yield from _one_of(where, trials, ("corpus", "make"))
        if trials.get("corpus"):
            yield from unknown(f"{where}.corpus", trials["corpus"], data["corpora"], "corpus")
        for side in ("enroll", "test"):
            known = [*data["sets"], *(data["models"] if side == "enroll" else [])]
            yield from unknown(f"{where}.{side}", trials[side], known, "set")
            if trials[side] in trained:
                yield f"'{where}.{side}' is '{trials[side]}', a set that is trained on."


def _one_of(where, section, keys):
    """A fault unless exactly one of two keys is given."""
    given = [key for key in keys if section.get(key) is not None]
    if len(given) != 1:
        said = "has both" if given else "has neither"
        yield f"'{where}' {said} `{keys[0]}` {'and' if given else 'nor'} `{keys[1]}`. Give one."


def check_models(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Models are of utterances of known sets that are not trained on; their names are their own."""
    data, backend = config["data"], config["backend"]
    for name, models in data["models"].items():
        where = f"data.models.{name}"
        yield from _one_of(where, models, ("file", "corpus"))
        if models.get("corpus"):
            yield from unknown(f"{where}.corpus", models["corpus"], data["corpora"], "corpus")
        yield from unknown(f"{where}.of", models["of"], data["sets"], "set")
        if models["of"] in ["train", *backend["train_sets"]]:
            yield f"'{where}.of' is '{models['of']}', a set that is trained on."
        if name in data["sets"]:
            yield f"'{where}' has the name of a set of data.sets. Give it another."


def check_names_of_copies(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """No set or model has the name of a set of copies."""
    data = config["data"]
    names = [*data["sets"], *data["models"]]
    if config["xvectors"]["copies"]:
        yield from (
            f"'data' has the name '{name}_copies', and xvectors.copies makes a set of that name"
            f" for '{name}'. Give yours another."
            for name in names
            if f"{name}_copies" in names
        )


def check_corpora(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """The options of each corpus are valid."""
    for name, options in config["data"]["corpora"].items():
        try:
            load_corpus(name, options)
        except StepsError as error:
            yield from str(error).splitlines()


def check_synthetic(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """The options of the synthetic corpus are valid."""
    synthetic = config["data"]["synthetic"]
    if synthetic is None:
        return
    try:
        maker = load_maker(synthetic["name"])
    except StepsError as error:
        yield str(error)
        return
    yield from check_dataclass(maker.Config, synthetic["config"], "data.synthetic.config")


CHECKS = [
    check_set_parts,
    check_trials,
    check_models,
    check_names_of_copies,
    check_corpora,
    check_synthetic,
]
