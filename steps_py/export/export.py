"""A system's network -> a file of a format, which is kept only if it computes the same.

Shape suffixes (scope: this module): B = 1   T = frames   D = feature dimension   E = embedding
    N = samples
"""

import importlib.util
import json
import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from steps_py.data.trials import Trials
from steps_py.errors import ConfigError, StepsError, did_you_mean, some
from steps_py.export import int8
from steps_py.export.cost import File, cost_on_trials, least_cosine
from steps_py.export.formats import EXPORT_FORMATS
from steps_py.export.formats.base import Compute, ExportFormat, Program
from steps_py.export.waveform.eager import probe_waveforms, voiced_frames_of
from steps_py.export.waveform.front_end import FRONT_END, NETWORK, WaveformFrontEnd, left_out
from steps_py.files import atomic_write
from steps_py.system.system import System

TOLERANCE = 1e-4  # of the largest number of an x-vector, or of 1
TRACED_FRAMES = 47
CHECKED_FRAMES = 0, 1, 40, 183, 700  # more than the least


class Network(NamedTuple):
    """A network in eval mode on a CPU, the fewest frames it is for, and the file it is from."""

    module: torch.nn.Module
    feat_dim: int
    min_frames: int
    path: str


class Exported(NamedTuple):
    """A written file.

    Attributes
    ----------
    path : str
    takes_waveforms : bool
        Whether its input are samples, not features.
    difference : float
        The largest one to the network, relative, over `pairs`.
    pairs : list of (array, array)
        Inputs of several lengths, each with the x-vector that the system computes.
    left_out : tuple of str
        Steps of the system that it does not have.
    """

    path: str
    takes_waveforms: bool
    difference: float
    pairs: list[tuple[np.ndarray, np.ndarray]]
    left_out: tuple[str, ...]

    def __str__(self):
        lengths = ", ".join(str(x.shape[1]) for x, _ in self.pairs)
        units = "samples" if self.takes_waveforms else "frames"
        lost = f"; without {' and '.join(self.left_out)}" if self.left_out else ""
        return f"{self.path}: differs by {self.difference:.1e} at most, of {lengths} {units}{lost}"


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


def export_system(
    system: System, path: str, file_format: type[ExportFormat], features: bool = False
) -> Exported:
    """Write a system's network; the file appears only if it computes what the network does.

    Its folder is created if it does not exist.

    Without `features` the input are voiced frames after mean normalisation, as the system's own
    steps make them.  With it, the input is a waveform (1, N), samples from -1 to 1, and these steps
    are in the file, but for those in `Exported.left_out`.

    Raises
    ------
    StepsError
        If packages are missing, the network or a step cannot be exported, or the file computes
        something else than the network.
    """
    network = Network(
        module=system.embedder.network.cpu().eval(),
        feat_dim=system.info["extractor"]["feat_dim"],
        min_frames=system.embedder.config.min_chunk_frames,
        path=system.path,
    )
    if not features:
        return export_network(network, facts_of(system), path, file_format)
    if not file_format.takes_waveforms:
        raise ConfigError(f"{path}: --features is of other formats. Write .onnx.")
    return _write(*_with_waveforms(system, network), path, file_format)


def export_network(
    network: Network, facts: dict[str, Any], path: str, file_format: type[ExportFormat]
) -> Exported:
    """Write a network, as `export_system` does; `facts` are kept in the file."""
    least = network.min_frames
    lengths = tuple(least + more for more in CHECKED_FRAMES)
    program = Program(
        network=network.module,
        example=torch.randn(1, least + TRACED_FRAMES, network.feat_dim),
        input_name="features",
        least=least,
        facts=facts,
        where=network.path,
    )
    return _write(program, probe_frames(network, lengths), (), path, file_format)


def _write(program, pairs, omitted, path, file_format):
    """Write a program, if the file computes what is expected of `pairs`."""
    check_packages(path, file_format.packages)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=Path(path).parent, prefix=".export") as folder:
        written = os.path.join(folder, Path(path).name)
        file_format.write(program, written)
        difference = largest_difference(file_format.open(written), pairs)
        if not difference <= TOLERANCE:
            raise StepsError(
                f"{path}: computes something else than the network of {program.where}: they differ"
                f" by {difference:.2g}, at most {TOLERANCE:g} is allowed. Use another format."
            )
        os.replace(written, path)
    return Exported(path, program.input_name == "waveform", difference, pairs, omitted)


def export_int8(
    system: System,
    path: str,
    file_format: type[ExportFormat],
    features: bool = False,
    trials: Trials | None = None,
    recordings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`export_system` with weights in 8 bits, and ``PATH.json`` with what that costs.

    With `trials` and the `recordings` that they name, error rates of both and of the system are
    measured, otherwise cosines to the x-vectors that the system computes.  Returns the content of
    ``PATH.json``.
    """
    if not file_format.has_int8:
        raise ConfigError(f"{path}: --int8 is of other formats. Write .onnx.")
    check_packages(path, int8.PACKAGES)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=Path(path).parent, prefix=".export") as folder:
        exact = os.path.join(folder, f"float32{file_format.suffix}")
        written = os.path.join(folder, Path(path).name)
        found = export_system(system, exact, file_format, features)
        int8.quantise(exact, written)
        computes = {
            "float32": (exact, file_format.open(exact)),
            "int8": (written, file_format.open(written)),
        }
        files = {name: File(*both, features) for name, both in computes.items()}
        cost = {"least_cosine": least_cosine(files["int8"].compute, found.pairs)}
        cost |= {f"{name}_bytes": os.path.getsize(file.path) for name, file in files.items()}
        if trials is not None:
            cost["trials"] = cost_on_trials(system, files, trials, recordings)
        with atomic_write(f"{path}.json") as file:
            file.write(json.dumps(cost, indent=1) + "\n")
        os.replace(written, path)
    return cost


def check_packages(path: str, packages: Iterable[str]) -> None:
    """StepsError unless all packages can be imported."""
    missing = [name for name in packages if not importlib.util.find_spec(name)]
    if missing:
        raise StepsError(
            f"{path}: needs {some(missing)}, which is optional: pip install 'sidewinder[export]'"
        )


def _with_waveforms(system, network):
    """A program from samples, arguments with their x-vectors, and the steps that are left out.

    What is expected is computed by the system's own steps, not by modules.
    """
    embedder, least, pairs = system.embedder, network.min_frames, []
    front_end = WaveformFrontEnd(embedder.front_end, embedder.cmvn, system.path)
    omitted = left_out(embedder.front_end)
    for waveform_1N in probe_waveforms(system.sample_rate_hz, embedder.frame_shift_sec, least):
        x_TD = voiced_frames_of(waveform_1N, embedder.front_end, embedder.cmvn)
        if len(x_TD) >= least:
            pairs.append((waveform_1N, _eager(network.module, x_TD[None])))
    if not pairs:
        raise StepsError(
            f"{system.path}: its voice activity detection finds no speech in noise of any loudness,"
            " so --features cannot be compared. Export the network without it."
        )
    parts = OrderedDict({FRONT_END: front_end, NETWORK: network.module})
    program = Program(
        network=nn.Sequential(parts).eval(),
        example=torch.from_numpy(pairs[0][0]),
        input_name="waveform",
        least=pairs[0][0].shape[1],
        facts={**facts_of(system), "left_out": "; ".join(omitted)},
        where=system.path,
    )
    return program, pairs, omitted


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


def probe_frames(network: Network, lengths: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random features (1, T, D) of some lengths, each with its x-vector (1, E) by the network."""
    rng = np.random.default_rng(0)
    shapes = [(1, length, network.feat_dim) for length in lengths]
    inputs = [rng.standard_normal(shape, np.float32) for shape in shapes]
    return [(x_BTD, _eager(network.module, x_BTD)) for x_BTD in inputs]


def _eager(network, x_BTD):
    with torch.inference_mode():
        return network(torch.from_numpy(np.ascontiguousarray(x_BTD))).numpy()


def largest_difference(compute: Compute, pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Of x-vectors by a function from those expected of its arguments.

    It is relative to the larger of 1 and the largest number of the expected x-vector.
    """
    worst = 0.0
    for x, expected_BE in pairs:
        found_BE = compute(x)
        if found_BE.shape != expected_BE.shape:
            return float("inf")
        error = np.abs(found_BE - expected_BE).max() / max(1.0, np.abs(expected_BE).max())
        worst = max(worst, float(np.nan_to_num(error, nan=np.inf)))
    return worst
