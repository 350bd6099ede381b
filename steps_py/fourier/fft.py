"""Fourier transforms of many rows at once, in single precision.

numpy transforms one row at a time; scipy transforms several at once with SIMD instructions, which
is four times as fast. But ``import scipy.fft`` takes longer than a short job runs, so its compiled
module is loaded without the rest of scipy. If a version of scipy has it elsewhere, numpy is used
and a warning is printed.

Shapes: B rows, P samples of each, F = P/2 + 1 frequencies.
"""

import functools
import importlib.util
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from pathlib import Path

import numpy as np

_UNSCALED, _BY_LENGTH = 0, 2  # pocketfft's codes of the norms


def _load_pocketfft():
    try:
        scipy = Path(importlib.util.find_spec("scipy").submodule_search_locations[0])
        finder = FileFinder(
            str(scipy / "fft/_pocketfft"), (ExtensionFileLoader, EXTENSION_SUFFIXES)
        )
        spec = finder.find_spec("pypocketfft")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except (AttributeError, ImportError):
        return None


@functools.cache
def _warn_of_numpy():
    """Print once per process: results agree to rounding, features take longer."""
    from importlib.metadata import version  # start-up time

    print(
        f"WARNING: scipy {version('scipy')} has no fft/_pocketfft/pypocketfft: numpy's transforms"
        " are used, which are up to four times slower. Install the version of scipy that"
        " pyproject.toml names.",
        file=sys.stderr,
    )


_pocketfft = _load_pocketfft()


def rfft(x_BP: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Transforms (B, F) complex64 of real float32 rows.

    >>> rfft(np.eye(1, 4, dtype=np.float32))
    array([[1.+0.j, 1.+0.j, 1.+0.j]], dtype=complex64)
    """
    if _pocketfft is None:
        _warn_of_numpy()
        return np.fft.rfft(x_BP, out=out)
    return _pocketfft.r2c(x_BP, (1,), True, _UNSCALED, out, 1)


def irfft(spec_BF: np.ndarray, num_samples: int, out: np.ndarray | None = None) -> np.ndarray:
    """Real rows (B, P) float32 whose transforms are `spec_BF`; P = `num_samples`.

    >>> irfft(rfft(np.float32([[1, 2, 3, 4]])), 4).tolist()
    [[1.0, 2.0, 3.0, 4.0]]
    """
    if _pocketfft is None:
        _warn_of_numpy()
        return np.fft.irfft(spec_BF, num_samples, out=out)
    return _pocketfft.c2r(spec_BF, (1,), num_samples, False, _BY_LENGTH, out, 1)
