"""The version of this package, which is defined in pyproject.toml."""

import tomllib
from importlib import metadata

from steps_py.checkout import CHECKOUT, is_checkout


def package_version() -> str:
    """The version as text, such as ``0.2.0``.

    In a checkout that of its pyproject.toml, also if an older version was installed from it;
    otherwise that of the installed package.

    >>> package_version().count(".")
    2
    """
    if is_checkout():
        return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    try:
        return metadata.version("sidewinder")
    except metadata.PackageNotFoundError:  # only the folder was copied
        return "unknown"
