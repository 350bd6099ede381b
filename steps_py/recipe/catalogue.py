"""The registered classes that a recipe can name, without importing torch.

Registries are filled when their modules are imported, and torch with them, which takes seconds;
`snakemake -n` should be fast. So a subprocess imports them and writes the schemas of the classes
as JSON, which is cached under the digest of their sources: after an edit, and for a recipe with
its own classes, it is written again.

python -m steps_py.recipe.catalogue --recipe egs/mini --out catalogue.json
"""

import argparse
import dataclasses
import functools
import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from steps_py import own_parts
from steps_py.checkout import CHECKOUT
from steps_py.errors import ConfigError, StepsError
from steps_py.files import atomic_write
from steps_py.registry import Entry

REGISTRIES = {  # kind -> where its registry is
    "corpus": "steps_py.data.corpora:CORPORA",
    "maker of trials": "steps_py.data.made_trials.base:MAKERS",
    "kind of augmentation": "steps_py.augment.kinds:KINDS",
    "signal step": "steps_py.audio.signal_steps.registry:SIGNAL_STEPS",
    "feature": "steps_py.feats.types.registry:FEATURES",
    "front-end": "steps_py.model.registries:FRONT_ENDS",
    "encoder": "steps_py.model.registries:ENCODERS",
    "pooling": "steps_py.model.registries:POOLINGS",
    "loss": "steps_py.model.registries:LOSSES",
    "optimizer": "steps_py.model.registries:OPTIMIZERS",
    "schedule": "steps_py.model.registries:SCHEDULES",
    "average": "steps_py.model.registries:AVERAGES",
    "mix": "steps_py.model.registries:MIXES",
    "objective": "steps_py.model.registries:OBJECTIVES",
    "sampler": "steps_py.chunks.samplers.base:SAMPLERS",
    "clusterer": "steps_py.pseudo_labels.clusterers.base:CLUSTERERS",
    "speech detector": "steps_py.conversations.speech.base:SPEECH_DETECTORS",
    "second speaker": "steps_py.conversations.second_speakers.base:SECOND_SPEAKERS",
    "resegmentation": "steps_py.conversations.resegmentation.base:RESEGMENTATIONS",
    "segmentation task": "steps_py.segmentation.tasks.base:TASKS",
    "diarization clusterer": "steps_py.diarization.clusterers.base:CLUSTERERS",
    "scoring step": "steps_py.backend.steps.base:STEPS",
    "quality measure": "steps_py.backend.steps.quality.base:MEASURES",
    "attribution method": "steps_py.attribution.methods.base:METHODS",
    "metric": "steps_py.scoring.metrics.base:METRICS",
}
# Sources besides the packages of the registries; the catalogue is written again after an edit.
SOURCES = ("steps_py/*.py", "steps_py/settings/*.py", "local/*.py")


def catalogue(recipe: str | os.PathLike | None = None) -> dict[str, dict[str, Entry]]:
    """{kind: {name: Entry}} of the classes of this project and of the recipe's own.

    Raises ConfigError, one line, if a file cannot be imported or a Config has an unsupported type.

    >>> catalogue()["pooling"]["stats"].schema["properties"]["variance_floor"]["default"]
    1e-10
    """
    recipe = own_parts.recipe_folder() if recipe is None else Path(recipe)
    return _catalogue(recipe.resolve(), digest(recipe))


@functools.cache
def _catalogue(recipe, key):
    text = _read_cached(key)
    if text is None:
        text = _make(recipe)
        _cache(key, text)
    return {
        kind: {name: Entry(**entry) for name, entry in entries.items()}
        for kind, entries in json.loads(text).items()
    }


def digest(recipe: str | os.PathLike) -> str:
    """A digest of the sources of all registered classes, the recipe's own included."""
    sha = _digest_of_checkout().copy()
    _add(sha, own_parts.files(recipe))
    return sha.hexdigest()[:32]


@functools.cache
def _digest_of_checkout():
    """Computed once: the sources of this process are those that it has imported."""
    folders = {place.partition(":")[0].split(".")[1] for place in REGISTRIES.values()}
    patterns = [*SOURCES, *(f"steps_py/{folder}/**/*.py" for folder in sorted(folders))]
    sha = hashlib.sha256(f"{CHECKOUT} {sys.version}".encode())
    _add(sha, sorted({path for pattern in patterns for path in CHECKOUT.glob(pattern)}))
    return sha


def _add(sha, paths):
    for path in paths:
        sha.update(f"\n{path.resolve()}\n".encode())
        sha.update(path.read_bytes())


def own_files(section: str, recipe=None):
    """The recipe's own files with the classes that a section of its config names, and helpers.

    They are inputs of the rules that use the section; paths are relative to the working directory.
    """
    words = set(_words(section))
    known = [item for entries in catalogue(recipe).values() for item in entries.items()]
    files = {file for name, entry in known if name in words for file in entry.files}
    return sorted(map(os.path.relpath, files))


def _words(value):
    """All strings in a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (str(key), *_words(item))
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)


def _make(recipe):
    """The catalogue as JSON text, by a subprocess that imports all modules."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "catalogue.json")
        command = [sys.executable, "-m", __name__, "--recipe", str(recipe), "--out", str(out)]
        paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if not out.exists():
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise ConfigError(lines[-1])
        content = json.loads(out.read_text())
    if "error" in content:
        raise ConfigError(content["error"])
    return json.dumps(content["kinds"])


def _cache_paths(key):
    """Possible paths of a cached catalogue, the preferred one first."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return [Path(home, "sidewinder", f"{key}.json"), Path(".snakemake", f"catalogue.{key}.json")]


def _read_cached(key):
    for path in _cache_paths(key):
        try:
            text = path.read_text()
            json.loads(text)
        except (OSError, ValueError):
            continue
        return text
    return None


def _cache(key, text):
    """Write the catalogue to the first cache that is writable, if any."""
    for path in _cache_paths(key):
        try:
            with atomic_write(path) as out:
                out.write(text)
        except OSError:
            continue
        return


def collect(recipe):
    """{kind: {name: Entry}} from the registries themselves, all modules imported."""
    registries = {}
    for kind, place in REGISTRIES.items():
        module, _, name = place.partition(":")
        registries[kind] = getattr(importlib.import_module(module), name)
        registries[kind].names()  # imports its classes
    own_parts.load(recipe)
    return {kind: registry.entries() for kind, registry in registries.items()}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    try:
        kinds = {
            kind: {name: dataclasses.asdict(entry) for name, entry in entries.items()}
            for kind, entries in collect(args.recipe).items()
        }
        content = {"kinds": kinds}
    except StepsError as error:
        content = {"error": str(error)}
    except Exception as error:  # a file of this project that is being worked on
        content = {"error": own_parts.describe_failure(_innermost(error), error)}
    args.out.write_text(json.dumps(content))


def _innermost(error):
    """The innermost file of this checkout in an error's traceback."""
    files, step = [str(CHECKOUT)], error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        files += [file] if Path(file).is_relative_to(CHECKOUT) else []
        step = step.tb_next
    return getattr(error, "filename", None) or files[-1]


if __name__ == "__main__":
    main()
