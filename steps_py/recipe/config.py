"""Recipe configs: one closed schema, and errors that name the file, the key and the cure.

`check_config` lists every fault at once, before any job; `load_slice` turns the
JSON text that a rule hands to a stage into that stage's frozen dataclass.
"""

import copy
import dataclasses
import functools
import json

from steps_py.augment.kinds import KINDS
from steps_py.checkout import CHECKOUT
from steps_py.data.corpora import corpus_class
from steps_py.errors import ConfigError, did_you_mean
from steps_py.model.catalogue import PLACES, catalogue

SCHEMA = CHECKOUT / "workflow/schemas/config.schema.yaml"
SAID_SO = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a section of keys",
    "null": "nothing",
}


@functools.cache
def read_schema():
    """The schema of ``config.yaml`` as a dict."""
    import yaml  # start-up time

    return yaml.safe_load(SCHEMA.read_text())


def check_config(config, source="config.yaml"):
    """Raise one ConfigError that lists every fault of `config`, not just the first."""
    import jsonschema  # start-up time

    faults = jsonschema.Draft202012Validator(read_schema()).iter_errors(config)
    faults = sorted(faults, key=lambda fault: [str(part) for part in fault.absolute_path])
    said = [line for fault in faults for line in _say(fault)]
    if not said:
        said = list(_contradictions(fill_defaults(config)))
    if said:
        raise ConfigError("\n".join(f"{source}: {line}" for line in said))


def fill_defaults(config):
    """A copy of a checked `config` in which every key that has a default is written out."""
    schema = read_schema()
    filled = copy.deepcopy(dict(config))
    _fill(filled, schema, schema)
    for part, defaults in registered_parts(filled):
        for key, value in defaults.items():
            part.setdefault(key, copy.deepcopy(value))
    return filled


def without_defaults(config):
    """A copy of a checked `config` without the keys whose values are their defaults.

    The inverse of `fill_defaults`: two configs that mean the same give the same result, and a
    release that adds a key with a default does not change it.

    >>> without_defaults({"cmvn": {"window_frames": 300, "norm_vars": True}})
    {'cmvn': {'norm_vars': True}}
    """
    schema = read_schema()
    short = copy.deepcopy(dict(config))
    for part, defaults in reversed(list(registered_parts(short))):
        for key in [key for key, value in defaults.items() if key in part and part[key] == value]:
            del part[key]
    _strip(short, schema, schema)
    return short


def registered_parts(config):
    """Yield (section, {key: default}) for every section of `config` that names a class."""
    known = catalogue()
    for corpus, section in config.get("data", {}).get("corpora", {}).items():
        cls = corpus_class(section.get("type", corpus))
        if cls is not None:
            yield section, plain_defaults(cls.Config)
    for kind, section in config.get("augment", {}).get("copies", {}).items():
        name = section.get("name", kind)
        if name in KINDS.names():
            yield section, plain_defaults(KINDS.config_of(name))
    train = config.get("train", {})
    for sections in (config, *({"train": stage} for stage in train.get("stages", ()))):
        for (section, key), kind in PLACES.items():
            yield from _with_nested(sections.get(section, {}).get(key), known[kind])


def _with_nested(part, known):
    """A part, then the parts of the same kind within it."""
    if not isinstance(part, dict) or part.get("name") not in known:
        return
    defaults = known[part["name"]]
    yield part, json.loads(json.dumps(defaults))
    for key, default in defaults.items():
        if isinstance(default, dict):
            yield from _with_nested(part.get(key), known)


def plain_defaults(cls):
    """{key: default} of a Config dataclass, as a YAML file would hold them."""
    defaults = {}
    for field in dataclasses.fields(cls):
        if field.default is not dataclasses.MISSING:
            defaults[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = field.default_factory()
    return json.loads(json.dumps(defaults))


def load_slice(text, cls, where):
    """Build the dataclass `cls` from the JSON object `text`; unknown keys are errors.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Cmvn:
    ...     window_frames: int = 300
    >>> load_slice('{"window_frames": 200}', Cmvn, "cmvn")
    Cmvn(window_frames=200)
    """
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where}: not JSON ({error}): {text[:80]!r}") from None
    if not isinstance(fields, dict):
        raise ConfigError(f"{where}: expected a JSON object, got {text[:80]!r}")
    known = [field.name for field in dataclasses.fields(cls)]
    for key in fields:
        if key not in known:
            raise ConfigError(f"{where}: unknown key '{key}'. {did_you_mean(key, known)}")
    try:
        return cls(**fields)
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from None


def _contradictions(config):
    """What no single key shows: names that lead nowhere, and ranges turned round."""
    data, chunks, backend = config["data"], config["chunks"], config["backend"]
    names = [
        (f"data.sets.{name}", part.partition(".")[0], data["corpora"], "corpus")
        for name, parts in data["sets"].items()
        for part in parts
    ]
    names += [
        (f"augment.copies.{name}.parts", part.partition(".")[0], data["corpora"], "corpus")
        for name, kind in config["augment"]["copies"].items()
        for part in kind["parts"]
    ]
    known_sets = [*data["sets"], *(["train_augmented"] if config["augment"]["copies"] else [])]
    for name, trials in data["trials"].items():
        names.append((f"data.trials.{name}.corpus", trials["corpus"], data["corpora"], "corpus"))
        names += [
            (f"data.trials.{name}.{side}", trials[side], data["sets"], "set")
            for side in ("enroll", "test")
        ]
    names += [("backend.train_sets", name, known_sets, "set") for name in backend["train_sets"]]
    if backend["adapt_set"]:
        names.append(("backend.adapt_set", backend["adapt_set"], data["sets"], "set"))
    for where, name, known, what in names:
        if name not in known:
            yield f"'{where}' names the {what} '{name}'. {did_you_mean(name, known)}"

    trained = [s for s in ["train", *backend["train_sets"]] if s != "train_augmented"]
    for name, trials in data["trials"].items():
        for side in ("enroll", "test"):
            if trials[side] in trained:
                yield f"'data.trials.{name}.{side}' is '{trials[side]}', a set that is trained on."
    from_audio = config["train"]["input"] == "waveform"
    if config["augment"]["online"] and not from_audio:
        yield "'augment.online' is given, but 'train.input' is feats. Set it to waveform."
    if config["cmvn"]["norm_vars"] and from_audio:
        yield "'cmvn.norm_vars' is true; with 'train.input' waveform only means are normalised."
    if chunks["min_frames"] > chunks["max_frames"]:
        yield (
            f"'chunks.min_frames' is {chunks['min_frames']}, more than"
            f" 'chunks.max_frames', {chunks['max_frames']}."
        )
    if (backend["lda_dim"] or 0) > config["model"]["embedding_dim"]:
        yield (
            f"'backend.lda_dim' is {backend['lda_dim']}, more than"
            f" 'model.embedding_dim', {config['model']['embedding_dim']}."
        )


def _say(fault):
    where = ".".join(str(part) for part in fault.absolute_path)
    match fault.validator:
        case "additionalProperties":
            known = list(fault.schema.get("properties", {}))
            prefix = f"{where}." if where else ""
            return [
                f"unknown key '{prefix}{key}'. {did_you_mean(key, known)}"
                for key in sorted(set(fault.instance) - set(known))
            ]
        case "required":
            missing = sorted(set(fault.validator_value) - set(fault.instance))
            said = fault.message.split("'")[1]
            key = f"{where}.{said}" if where else said
            return [f"'{key}' is missing." if said in missing else fault.message]
        case "type":
            wanted = fault.validator_value
            wanted = [wanted] if isinstance(wanted, str) else wanted
            names = " or ".join(SAID_SO[kind] for kind in wanted)
            return [f"'{where}' is {fault.instance!r}; it must be {names}."]
        case "enum":
            hint = did_you_mean(fault.instance, fault.validator_value)
            return [f"'{where}' is {fault.instance!r}. {hint}"]
        case _:
            return [f"'{where or 'top level'}': {fault.message}."]


def _fill(value, schema, root):
    """Write the defaults of `schema` into `value`, in place, section by section."""
    if "$ref" in schema:
        schema = functools.reduce(dict.get, schema["$ref"].removeprefix("#/").split("/"), root)
    for item in value if isinstance(value, list) else ():
        _fill(item, schema.get("items", {}), root)
    if not isinstance(value, dict):
        return
    for key, rule in schema.get("properties", {}).items():
        if key not in value and "default" in rule:
            value[key] = copy.deepcopy(rule["default"])
        if key in value:
            _fill(value[key], rule, root)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        for key in value.keys() - schema.get("properties", {}).keys():
            _fill(value[key], extra, root)


def _strip(value, schema, root):
    """Remove from `value`, in place, what `_fill` would write, the innermost sections first."""
    if "$ref" in schema:
        schema = functools.reduce(dict.get, schema["$ref"].removeprefix("#/").split("/"), root)
    for item in value if isinstance(value, list) else ():
        _strip(item, schema.get("items", {}), root)
    if not isinstance(value, dict):
        return
    known = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    for key in list(value):
        rule = known.get(key, extra)
        if isinstance(rule, dict):
            _strip(value[key], rule, root)
        if "default" in known.get(key, {}) and value[key] == _stripped_default(known[key], root):
            del value[key]


def _stripped_default(rule, root):
    default = copy.deepcopy(rule["default"])
    _strip(default, rule, root)
    return default
