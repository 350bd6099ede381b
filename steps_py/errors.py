"""Errors a user can cause and can mend.

Every message answers four questions, in this order: where, what is wrong, the
evidence, what to do.  A stage prints it as one line on stderr and exits 1; a
traceback means a bug in our code, never a fault in the user's data.
"""

import difflib


class StepsError(ValueError):
    """Base of all errors whose cause lies in the user's data or config."""


class ConfigError(StepsError):
    """A recipe config asks for something that does not exist or fit."""


class DataDirError(StepsError):
    """A Kaldi data directory breaks the format."""


class AudioError(StepsError):
    """A recording is missing, damaged, or not of the kind the recipe expects."""


class TableError(StepsError):
    """An archive, a script file or an object in one cannot be read or written."""


class MissingProgramError(TableError):
    """A command at the other end of a pipe names a program that is not there."""


class KaldiError(StepsError):
    """A Kaldi command was called with options or inputs it cannot serve."""


class BackendError(StepsError):
    """LDA/PLDA statistics or models are unusable."""


class ScoreError(StepsError):
    """Trials and scores do not belong together."""


class ClusterError(StepsError):
    """A scheduler does not answer, or keeps what a new run needs."""


def some(items, limit=3, total=None):
    """A few examples of a long list, never the list.

    `total` is how many there are where `items` are only the first of them.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    >>> some(["a", "b", "c"], total=5)
    'a, b, c and 2 more'
    """
    items = list(items)
    total = len(items) if total is None else total
    shown = ", ".join(str(item) for item in items[:limit])
    return shown + (f" and {total - limit} more" if total > limit else "")


def near_names(name, known, limit=2):
    """The known names that `name` may have been meant for, the nearest first; [] if none is near.

    >>> near_names("results/mini_err.txt", ["results/mini_eer.txt", "plan"])
    ['results/mini_eer.txt']
    """
    return difflib.get_close_matches(str(name), sorted(set(map(str, known))), n=limit, cutoff=0.7)


def did_you_mean(name, known):
    """The end of a message about an unknown name: the nearest known one, or all of them.

    >>> did_you_mean("atentive_stats", ["attentive_stats", "stats"])
    "Did you mean 'attentive_stats'? Known: attentive_stats, stats."
    """
    known = sorted(str(k) for k in known)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}Known: {', '.join(known) or 'none'}."
