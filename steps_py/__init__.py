"""Speaker recognition: recipes on Kaldi's formats, and what is done with a finished one.

>>> from steps_py import load_system
>>> load_system.__module__
'steps_py.system.system'
"""

from typing import Any

__all__ = ["load_system"]


def __getattr__(name: str) -> Any:
    """``load_system`` at its first use: a plain ``import steps_py`` does not import torch."""
    if name == "load_system":
        from steps_py.system.system import load_system  # start-up time

        return load_system
    raise AttributeError(f"module 'steps_py' has no attribute '{name}'")
