"""A recipe's own classes: <recipe>/local/*.py.

A file there registers classes as this project does (``@ENCODERS.register("mine")``), and the
recipe's config names them. A file whose name begins with _ is a helper: the others import it by
``from recipe_local._helper import ...``, and it is not loaded on its own.
"""

import functools
import importlib
import os
import sys
import types
from pathlib import Path

from steps_py.checkout import CHECKOUT
from steps_py.errors import ConfigError

PACKAGE = "recipe_local"
VARIABLE = "SIDEWINDER_RECIPE"  # set by the workflow, for all of its jobs


def recipe_folder() -> Path:
    """The folder of the running recipe; the working directory if the workflow has not set it."""
    return Path(os.environ.get(VARIABLE, "."))


def files(recipe: str | os.PathLike) -> list[Path]:
    """The recipe's own Python files, helpers included, sorted."""
    folder = Path(recipe, "local")
    if not folder.is_dir() or folder.samefile(CHECKOUT / "local"):
        return []
    return sorted(folder.glob("*.py"))


@functools.cache
def load(recipe: str | os.PathLike) -> None:
    """Import the recipe's own files, so that their classes register themselves.

    Raises ConfigError, one line that names the file, if one of them cannot be imported.
    """
    own = [path for path in files(recipe) if not path.name.startswith("_")]
    if not own:
        return
    for name in [name for name in sys.modules if name.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(own[0].parent.resolve())]
    sys.modules[PACKAGE] = package
    for path in own:
        try:
            importlib.import_module(f"{PACKAGE}.{path.stem}")
        except (Exception, SystemExit) as error:
            raise ConfigError(describe_failure(path, error)) from None


def files_of(cls: type) -> list[str]:
    """The recipe's own file that defines a class, and its helpers: inputs of the rules that run it.

    Empty for a class of this project: an upgrade of the code does not outdate any result.

    >>> files_of(ConfigError)
    []
    """
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is None:
        return []
    path = Path(file).resolve()
    if any(path.is_relative_to(CHECKOUT / folder) for folder in ("steps_py", "local")):
        return []
    return [str(path), *map(str, sorted(path.parent.glob("_[!_]*.py")))]


def describe_failure(path, error):
    """One line about a file that cannot be imported: file, line number and error."""
    import traceback  # start-up time

    line = getattr(error, "lineno", None)
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).resolve() == Path(path).resolve():
            line = frame.lineno
    place = f"{path}:{line}" if line else f"{path}"
    reason = " ".join(str(error).split()) or "no message"
    return f"{place}: cannot be loaded; {type(error).__name__}: {reason}. Correct the file."
