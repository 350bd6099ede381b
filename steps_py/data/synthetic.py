"""Synthetic corpora: modules local/<name>.py with `Config` and `make_corpus`."""

import importlib

from steps_py.checkout import CHECKOUT
from steps_py.errors import ConfigError, did_you_mean

LOCAL = CHECKOUT / "local"


def load_maker(name: str):
    """The module ``local/<name>.py``; ConfigError if there is none."""
    files = sorted(LOCAL.glob("*.py"))
    makers = [p.stem for p in files if "\ndef make_corpus(" in p.read_text(encoding="utf-8")]
    if name not in makers:
        raise ConfigError(f"'data.synthetic.name' is '{name}'. {did_you_mean(name, makers)}")
    return importlib.import_module(f"local.{name}")
