"""The folder that holds this package.

In a checkout, and after ``pip install -e .``, the folder also has ``local/``, ``workflow/`` and the
recipes. After ``pip install .`` it is site-packages: the library and the built-in commands work,
but recipes need a checkout.
"""

from pathlib import Path

CHECKOUT = Path(__file__).parents[1]


def is_checkout() -> bool:
    """Whether this package runs from a checkout, whose files can be read beside it."""
    return (CHECKOUT / "Snakefile").is_file() and (CHECKOUT / "pyproject.toml").is_file()
