"""What a recipe can name, read from the sources: to check a config without importing torch.

The registries know the same, but only once torch is loaded, which takes seconds; a
workflow that is started should answer at once, and before any job.
"""

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

from steps_py.errors import did_you_mean

PLACES = {
    ("model", "encoder"): "encoder",
    ("model", "pooling"): "pooling",
    ("train", "loss"): "loss",
    ("train", "optimizer"): "optimizer",
    ("train", "schedule"): "schedule",
    ("train", "sampler"): "sampler",
}
PACKAGE = Path(__file__).parents[1]
FOLDERS = [PACKAGE / "model", PACKAGE / "training", PACKAGE / "chunks/samplers"]
_TYPES = {
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    str: ("text", (str,)),
    tuple: ("a list", (list, tuple)),
}


@dataclass(frozen=True)
class Entry:
    """What the source of a registered class says."""

    fields: dict  # of its Config: {key: default}, None where the source is no plain value
    choices: dict  # {key: values} of those that are Literal[...]
    is_metric: bool  # a loss that compares utterances
    utts_per_speaker: int | None  # of a sampler, where it is always the same


@functools.cache
def entries():
    """{kind: {name: Entry}} of all registered classes."""
    paths = sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))
    trees = [ast.parse(path.read_text()) for path in paths]
    nodes = [node for tree in trees for node in tree.body]
    kinds = {
        node.targets[0].id: node.value.args[0].value
        for node in nodes
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Registry(")
    }
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
    found = {kind: {} for kind in kinds.values()}
    for node in nodes:
        for decorator in getattr(node, "decorator_list", ()):
            registry, _, method = ast.unparse(decorator).partition(".")
            if registry in kinds and method.startswith("register("):
                found[kinds[registry]][decorator.args[0].value] = _entry(node, classes)
    return found


def catalogue():
    """{kind: {name: {key: default}}} of all registered classes.

    >>> catalogue()["pooling"]["stats"]
    {'variance_floor': 1e-10}
    """
    return {
        kind: {name: entry.fields for name, entry in known.items()}
        for kind, known in entries().items()
    }


def check_parts(config):
    """Faults of the sections ``model`` and ``train`` that name classes, one line each.

    Stages of a training name some of their own.

    >>> check_parts({"model": {"pooling": {"name": "stat"}}})    # doctest: +ELLIPSIS
    ["'model.pooling.name' is 'stat'. Did you mean 'stats'? Known: attentive_stats, mean, ..."]
    """
    parts = {
        f"{section}.{key}": (kind, config.get(section, {}).get(key))
        for (section, key), kind in PLACES.items()
    }
    for number, stage in enumerate(config.get("train", {}).get("stages", ())):
        for (section, key), kind in PLACES.items():
            if section == "train":
                parts[f"train.stages.{number}.{key}"] = (kind, stage.get(key))
    faults = [
        fault
        for where, (kind, part) in parts.items()
        if part is not None
        for fault in _check_part(where, kind, part)
    ]
    return faults or _check_groups(config.get("train", {}))


def _check_part(where, kind, part):
    known = entries()[kind]
    name = part.get("name")
    if name not in known:
        return [f"'{where}.name' is '{name}'. {did_you_mean(name, known)}"]
    return [
        fault
        for key, value in part.items()
        if key != "name"
        for fault in _check_field(f"{where}.{key}", key, value, kind, known[name])
    ]


def _check_field(where, key, value, kind, entry):
    known = entry.fields
    if key not in known:
        return [f"unknown key '{where}'. {did_you_mean(key, known)}"]
    if isinstance(known[key], dict):  # a part within the part, of the same kind
        if not isinstance(value, dict):
            return [f"'{where}' is {value!r}; it must be a {kind}: a name and its keys."]
        return _check_part(where, kind, value) or _check_family(where, value, known[key])
    if key in entry.choices:
        if value in entry.choices[key]:
            return []
        return [f"'{where}' is {value!r}. {did_you_mean(value, entry.choices[key])}"]
    wanted, types = _TYPES.get(type(known[key]), ("", (object,)))
    if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        return []
    hint = ""
    if wanted == "a number" and isinstance(value, str) and "e" in value.lower():
        hint = " YAML takes 1e-3 for text; write 1.0e-3."
    return [f"'{where}' is {value!r}; it must be {wanted}.{hint}"]


def _check_family(where, part, default):
    """A metric loss stands where the default is one, and nowhere else."""
    if _compares(part) == _compares(default):
        return []
    wanted = "compares utterances" if _compares(default) else "classifies"
    return [f"'{where}.name' is '{part['name']}'. Name a loss there that {wanted}."]


def _check_groups(train):
    """A loss that compares utterances of a speaker has to get some."""
    sections = {"train": train}
    for number, stage in enumerate(train.get("stages", ())):
        sections[f"train.stages.{number}"] = train | stage
    return [
        f"'{where}.loss.name' is '{section['loss']['name']}', which compares utterances of a"
        f" speaker, but sampler '{section['sampler']['name']}' puts one of each together."
        " Set sampler to {name: speaker_groups, utts_per_speaker: 2}."
        for where, section in sections.items()
        if "loss" in section and "sampler" in section
        if _compares(section["loss"])
        if entries()["sampler"][section["sampler"]["name"]].utts_per_speaker == 1
    ]


def _compares(loss):
    entry = entries()["loss"][loss["name"]]
    parts = (loss.get(key, default) for key, default in entry.fields.items())
    return entry.is_metric or any(_compares(part) for part in parts if isinstance(part, dict))


def _entry(class_node, classes):
    (config,) = [node for node in class_node.body if getattr(node, "name", None) == "Config"]
    # the bases are dataclasses of some module here, for keys that classes share
    configs = [*(classes[ast.unparse(base)] for base in config.bases), config]
    own = [node for each in configs for node in each.body if isinstance(node, ast.AnnAssign)]
    constants = {
        ast.unparse(node.targets[0]): node.value.value
        for node in class_node.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    return Entry(
        fields={node.target.id: _plain(node.value) for node in own},
        choices={
            node.target.id: ast.literal_eval(node.annotation.slice)
            for node in own
            if ast.unparse(node.annotation).startswith("Literal[")
        },
        is_metric="MetricLoss" in map(ast.unparse, class_node.bases),
        utts_per_speaker=constants.get("utts_per_speaker"),
    )


def _plain(value):
    """The value of a default, None where the source is no plain one."""
    if ast.unparse(value).startswith("field(default_factory=lambda"):
        value = value.keywords[0].value.body
    try:
        return ast.literal_eval(value)
    except (TypeError, ValueError):
        return None
