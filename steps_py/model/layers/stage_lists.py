"""Lists in a Config that have one element for each stage of a network."""

from collections.abc import Sequence

from steps_py.errors import ConfigError


def check_one_each(encoder: str, per: str, **lists: Sequence) -> None:
    """Raise ConfigError unless all lists are of one length, and not empty.

    >>> check_one_each("tdnn", "layer", kernel_sizes=(5, 3), dilations=(1, 2))
    >>> check_one_each("tdnn", "layer", kernel_sizes=(5, 3), dilations=(1,))
    Traceback (most recent call last):
    ...
    steps_py.errors.ConfigError: encoder 'tdnn': 2 kernel_sizes and 1 dilations. Give one of \
each per layer.
    """
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) == 1 and 0 not in lengths.values():
        return
    *others, last = (f"{length} {name}" for name, length in lengths.items())
    raise ConfigError(
        f"encoder '{encoder}': {', '.join(others)} and {last}. Give one of each per {per}."
    )
