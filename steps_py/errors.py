"""Errors that a user can cause and correct.

A message has four parts, in this order: where, what is wrong, the evidence, what to do. A stage
prints it as one line on stderr and exits with status 1; a traceback is a bug of this project.
"""

import difflib
from collections.abc import Iterable


class StepsError(ValueError):
    """Base class of all errors whose cause is in the user's data or config."""


class ConfigError(StepsError):
    """A recipe's config has a key or value that does not exist or does not fit."""


class DataDirError(StepsError):
    """A Kaldi data directory violates the format."""


class AudioError(StepsError):
    """A recording is missing, damaged, or has another rate or number of channels than expected."""


class TableError(StepsError):
    """An archive, a script file or an object in one cannot be read or written."""


class MissingProgramError(TableError):
    """A program in a pipe is not installed."""


class KaldiError(StepsError):
    """A Kaldi command was called with options or inputs that it does not support."""


class BackendError(StepsError):
    """LDA/PLDA statistics or models are unusable."""


class ScoreError(StepsError):
    """Trials and scores do not match."""


class ClusterError(StepsError):
    """A scheduler does not answer, or still runs jobs of an earlier run."""


def some(items: Iterable, limit: int = 3, total: int | None = None) -> str:
    """The first `limit` items of a list as text, and the number of the others.

    `total` is the length of the list if `items` are only the first of it.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    >>> some(["a", "b", "c"], total=5)
    'a, b, c and 2 more'
    """
    items = list(items)
    total = len(items) if total is None else total
    shown = ", ".join(str(item) for item in items[:limit])
    return shown + (f" and {total - limit} more" if total > limit else "")


def near_names(name: str, known: Iterable[str], limit: int = 2) -> list[str]:
    """The known names that are similar to `name`, the nearest first; [] if there is none.

    >>> near_names("results/mini_err.txt", ["results/mini_eer.txt", "plan"])
    ['results/mini_eer.txt']
    """
    return difflib.get_close_matches(str(name), sorted(set(map(str, known))), n=limit, cutoff=0.7)


def did_you_mean(name: object, known: Iterable) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them.

    >>> did_you_mean("atentive_stats", ["attentive_stats", "stats"])
    "Did you mean 'attentive_stats'? Known: attentive_stats, stats."
    """
    known = sorted(str(k) for k in known)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}Known: {', '.join(known) or 'none'}."
