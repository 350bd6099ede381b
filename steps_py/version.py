"""The version of this package; it is written in pyproject.toml alone."""

import tomllib
from importlib import metadata

from steps_py.checkout import CHECKOUT, is_checkout


def package_version():
    """The version as text, such as ``0.2.0``.

    A checkout's own pyproject.toml counts, whatever was installed before it was updated;
    otherwise the metadata of the installed package.

    >>> package_version().count(".")
    2
    """
    if is_checkout():
        return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    try:
        return metadata.version("sidewinder")
    except metadata.PackageNotFoundError:  # a copy of the folder alone
        return "unknown"
