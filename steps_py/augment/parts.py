"""Parts of corpora on a command line."""

from collections.abc import Iterable

from steps_py.errors import ConfigError


def parse_parts(pairs: Iterable[str]) -> dict[str, str]:
    """``NAME=FOLDER`` pairs as a dict; ConfigError for anything else.

    >>> parse_parts(["musan.noise=data/parts/musan.noise"])
    {'musan.noise': 'data/parts/musan.noise'}
    """
    parts = {}
    for pair in pairs:
        name, equals, folder = pair.partition("=")
        if not (name and equals and folder):
            raise ConfigError(f"--part '{pair}': write it as NAME=FOLDER.")
        parts[name] = folder
    return parts
