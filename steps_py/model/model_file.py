"""final.pt and head.pt: the output of torch.save with a digest at the end.

A file is a zip archive, as PyTorch writes them, and ``torch.load`` reads it.  The seal at its
end is described in `steps_py.sealed_files`.
"""

import contextlib
import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from steps_py.errors import StepsError, some
from steps_py.sealed_files import BrokenSealError, read_sealed, write_sealed
from steps_py.version import package_version

FORMAT = 2  # 1 had neither a digest nor the options of the features


def write_model_file(path: str | Path, kind: str, content: dict[str, Any]) -> None:
    """Write `content`, tensors and plain values, as a file of a `kind`, atomically."""
    saved = io.BytesIO()
    torch.save({"format": FORMAT, **content}, saved)
    write_sealed(path, saved.getbuffer(), kind, FORMAT)


def read_model_file(path: str | Path, kind: str) -> tuple[dict[str, Any], int]:
    """The content of a file that `write_model_file` wrote, and the version of its format.

    Files of format 1 are read as well, but damage to them is not detected.

    Raises
    ------
    StepsError
        Naming the file, if it is missing, damaged, of another kind, or of a newer format.
    """
    try:
        sealed = read_sealed(path)
    except BrokenSealError:
        raise _damaged(path, "its digest does not match its content") from None
    data, found_kind, found_format, _ = sealed
    if found_kind is None:
        return _read_without_seal(path, data, kind), 1
    if found_format > FORMAT:
        raise StepsError(
            f"{path}: has format {found_format}, but this version of sidewinder reads formats up"
            f" to {FORMAT}. Install a newer version."
        )
    if found_kind != kind:
        raise StepsError(f"{path}: is a file of kind '{found_kind}', not '{kind}'.")
    return _load(path, data), found_format


@contextlib.contextmanager
def built_by_this_version(path: str | Path, saved: dict[str, Any]) -> Iterator[None]:
    """Around the building of what a file holds: a fault names the file and its version.

    Raises StepsError in place of a StepsError, RuntimeError, KeyError or TypeError.
    """
    try:
        yield
    except (StepsError, RuntimeError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StepsError(
            f"{path}: was written by version {saved.get('version')} and holds what this version,"
            f" {package_version()}, does not have ({reason[:200]}). Use that version, or train it"
            " again."
        ) from None


def check_finite(path: str | Path, model: torch.nn.Module) -> None:
    """Raise StepsError that names the weights of `model`, read from `path`, that are not finite."""
    broken = [name for name, x in model.state_dict().items() if not torch.isfinite(x).all()]
    if broken:
        raise StepsError(f"{path}: weights are not finite ({some(broken)}). Train it again.")


def _read_without_seal(path, data, kind):
    """A file of format 1, known by its keys."""
    content = _load(path, data)
    known = {"model": {"model", "config", "feat_dim", "cmvn"}, "head": {"loss", "speakers"}}
    keys = known.get(kind)  # other kinds have a seal since they exist
    old = isinstance(content, dict) and "format" not in content
    if keys is None or not old or not keys <= content.keys():
        raise _damaged(path, "its digest is missing")
    return content


def _load(path, data):
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, LookupError, pickle.UnpicklingError):
        raise _damaged(path, "it is truncated, or not a file of PyTorch") from None
    except (AttributeError, TypeError, AssertionError):  # an invalid pickle
        raise _damaged(path, "its table of contents cannot be read") from None


def _damaged(path, evidence):
    return StepsError(
        f"{path}: is damaged or not a model of sidewinder: {evidence}. Copy it again, or delete"
        " it to train it again."
    )
