"""The files behind a class of the recipe's own: inputs of the rules that run it."""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent


def own_sources(cls: type) -> list[str]:
    """The file that defines a class, and the helpers ``_*.py`` beside it.

    A class of this project has none: an edit of the code is an upgrade and makes no result anew.

    >>> from steps_py.scoring.metrics.eer import Eer
    >>> own_sources(Eer)
    []
    """
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is None or PROJECT in Path(file).resolve().parents:
        return []
    return [file, *(str(path) for path in sorted(Path(file).parent.glob("_[!_]*.py")))]
