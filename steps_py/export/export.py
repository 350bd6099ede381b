"""A system's network -> a file of a format, which is kept only if it computes the same.

Shape suffixes (scope: this module): B = 1   T = frames   D = feature dimension   E = embedding
"""

import importlib.util
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from steps_py.errors import ConfigError, StepsError, did_you_mean, some
from steps_py.export.formats import EXPORT_FORMATS
from steps_py.export.formats.base import Compute, ExportFormat, Program
from steps_py.system.system import System

TOLERANCE = 1e-4  # of the largest number of an x-vector, or of 1
TRACED_FRAMES, MAX_FRAMES = 217, 100_000
CHECKED_FRAMES = 0, 1, 40, 183, 700  # more than the least


class Network(NamedTuple):
    """A network in eval mode on a CPU, the fewest frames it is for, and the file it is from."""

    module: torch.nn.Module
    feat_dim: int
    min_frames: int
    path: str


class Exported(NamedTuple):
    """A written file: the largest difference to the network, relative, over some lengths."""

    path: str
    difference: float
    num_frames: tuple[int, ...]


def format_of(path: str, name: str | None = None) -> type[ExportFormat]:
    """The format of that name, or of the suffix of a path.

    >>> format_of("net.onnx").suffix
    '.onnx'
    """
    if name is not None:
        return EXPORT_FORMATS.find(name)
    suffix = Path(path).suffix
    classes = {EXPORT_FORMATS.find(known).suffix: known for known in EXPORT_FORMATS.names()}
    if suffix not in classes:
        raise ConfigError(
            f"{path}: '{suffix}' is the suffix of no format. {did_you_mean(suffix, classes)}"
            " Or give --format."
        )
    return EXPORT_FORMATS.find(classes[suffix])


def export_system(system: System, path: str, file_format: type[ExportFormat]) -> Exported:
    """Write a system's network; the file appears only if it computes what the network does.

    Its folder is created if it does not exist.

    The input are voiced frames after mean normalisation, as the system's own steps make them.

    Raises
    ------
    StepsError
        If packages are missing, the network cannot be exported, or the file computes something
        else than the network.
    """
    network = Network(
        module=system.embedder.network.cpu().eval(),
        feat_dim=system.info["extractor"]["feat_dim"],
        min_frames=system.embedder.config.min_chunk_frames,
        path=system.path,
    )
    return export_network(network, facts_of(system), path, file_format)


def export_network(
    network: Network, facts: dict[str, Any], path: str, file_format: type[ExportFormat]
) -> Exported:
    """Write a network, as `export_system` does; `facts` are kept in the file."""
    missing = [name for name in file_format.packages if not importlib.util.find_spec(name)]
    if missing:
        raise StepsError(
            f"{path}: needs {some(missing)}, which is optional: pip install 'sidewinder[export]'"
        )
    program = Program(exported=_program_of(network), facts=facts)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=Path(path).parent, prefix=".export") as folder:
        written = os.path.join(folder, Path(path).name)
        file_format.write(program, written)
        lengths = tuple(network.min_frames + more for more in CHECKED_FRAMES)
        difference = largest_difference(
            network.module, file_format.open(written), network.feat_dim, lengths
        )
        if not difference <= TOLERANCE:
            raise StepsError(
                f"{path}: computes something else than the network of {network.path}: they differ"
                f" by {difference:.2g}, at most {TOLERANCE:g} is allowed. Use another format."
            )
        os.replace(written, path)
    return Exported(path, difference, lengths)


def facts_of(system: System) -> dict[str, Any]:
    """What a program needs to make the input of the network, and where that is from."""
    front_end = system.info["extractor"]["front_end"]
    return {
        "system_sha256": system.digest,
        "sample_rate_hz": system.sample_rate_hz,
        "feature_type": front_end["type"],
        "feature_conf": front_end["conf"],
        "vad_conf": front_end["vad_conf"],
        "cmvn": str(system.info["extractor"]["cmvn"]),
        "min_frames": system.embedder.config.min_chunk_frames,
        "embedding_dim": system.embedding_dim,
    }


def _program_of(network):
    """The network for any number of frames; StepsError if torch cannot describe it."""
    least = network.min_frames
    features = torch.randn(1, max(TRACED_FRAMES, least + 1), network.feat_dim)
    frames = torch.export.Dim("frames", min=max(least, 2), max=MAX_FRAMES)
    try:
        with torch.no_grad():
            return torch.export.export(network.module, (features,), dynamic_shapes=({1: frames},))
    except Exception as error:  # torch has no common class for what it cannot export
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise StepsError(
            f"{network.path}: its network cannot be exported: torch does not describe it for any"
            f" number of frames ({reason[:200]}). Networks with an LSTM are among these."
        ) from None


def largest_difference(
    network: torch.nn.Module, compute: Compute, feat_dim: int, lengths: tuple[int, ...]
) -> float:
    """Between a network and a function, relative to the larger of 1 and the largest number."""
    worst, rng = 0.0, np.random.default_rng(0)
    for num_frames in lengths:
        x_BTD = rng.standard_normal((1, num_frames, feat_dim), np.float32)
        with torch.inference_mode():
            expected_BE = network(torch.from_numpy(x_BTD)).numpy()
        found_BE = compute(x_BTD)
        if found_BE.shape != expected_BE.shape:
            return float("inf")
        error = np.abs(found_BE - expected_BE).max() / max(1.0, np.abs(expected_BE).max())
        worst = max(worst, float(np.nan_to_num(error, nan=np.inf)))
    return worst
