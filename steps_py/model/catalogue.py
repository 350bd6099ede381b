"""What a recipe can name, read from the sources: to check a config without importing torch.

The registries know the same, but only once torch is loaded, which takes seconds; a
workflow that is started should answer at once, and before any job.
"""

import ast
import functools
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
FOLDERS = [Path(__file__).parent, Path(__file__).parents[1] / "samplers"]
_TYPES = {
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    str: ("text", (str,)),
    tuple: ("a list", (list, tuple)),
}


@functools.cache
def catalogue():
    """{kind: {name: {key: default}}} of all registered classes.

    >>> catalogue()["pooling"]["stats"]
    {'variance_floor': 1e-10}
    """
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
                found[kinds[registry]][decorator.args[0].value] = _config_fields(node, classes)
    return found


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
    return [
        fault
        for where, (kind, part) in parts.items()
        if part is not None
        for fault in _check_part(where, kind, part)
    ]


def _check_part(where, kind, part):
    known = catalogue()[kind]
    name = part.get("name")
    if name not in known:
        return [f"'{where}.name' is '{name}'. {did_you_mean(name, known)}"]
    return [
        fault
        for key, value in part.items()
        if key != "name"
        for fault in _check_field(f"{where}.{key}", key, value, kind, known[name])
    ]


def _check_field(where, key, value, kind, known):
    if key not in known:
        return [f"unknown key '{where}'. {did_you_mean(key, known)}"]
    if isinstance(known[key], dict):  # a part within the part, of the same kind
        if not isinstance(value, dict):
            return [f"'{where}' is {value!r}; it must be a {kind}: a name and its keys."]
        return _check_part(where, kind, value)
    wanted, types = _TYPES.get(type(known[key]), ("", (object,)))
    if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        return []
    hint = ""
    if wanted == "a number" and isinstance(value, str) and "e" in value.lower():
        hint = " YAML takes 1e-3 for text; write 1.0e-3."
    return [f"'{where}' is {value!r}; it must be {wanted}.{hint}"]


def _config_fields(class_node, classes):
    """{key: default} of the nested dataclass; None where the source is no plain value."""
    (config,) = [node for node in class_node.body if getattr(node, "name", None) == "Config"]
    fields = {}
    for base in config.bases:  # a dataclass of some module here, for keys that classes share
        fields |= _own_fields(classes[ast.unparse(base)])
    return fields | _own_fields(config)


def _own_fields(config):
    fields = {}
    for node in config.body:
        if isinstance(node, ast.AnnAssign):
            value = node.value
            if ast.unparse(value).startswith("field(default_factory=lambda"):
                value = value.keywords[0].value.body
            try:
                fields[node.target.id] = ast.literal_eval(value)
            except (TypeError, ValueError):
                fields[node.target.id] = None
    return fields
