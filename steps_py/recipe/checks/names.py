"""Names in a config that refer to other keys."""

from steps_py.errors import did_you_mean


def unknown(where: str, name: str, known, what: str):
    """A fault if `name` is not among `known`, else nothing.

    >>> list(unknown("backend.adapt_set", "trian", ["train"], "set"))
    ["'backend.adapt_set' names the set 'trian'. Did you mean 'train'? Known: train."]
    """
    if name not in known:
        yield f"'{where}' names the {what} '{name}'. {did_you_mean(name, known)}"


def corpus_of(part: str):
    """The corpus of a part ``<corpus>.<part>``."""
    return part.partition(".")[0]
