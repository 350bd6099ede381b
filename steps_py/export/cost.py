"""What an exported file costs: error rates on trials, bytes, and time beside the float network.

Shape suffixes (scope: this module):
    B = 1   T = trials   U = recordings   E = embedding
"""

import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from steps_py.data.trials import Trials
from steps_py.errors import DataDirError, some
from steps_py.export.formats.base import Compute
from steps_py.scoring.error_rates import eer
from steps_py.system.sound import FULL_SCALE, Reading, wave_of
from steps_py.system.system import System


class File(NamedTuple):
    """An exported file and its function; `takes_waveforms`: of samples, not of features."""

    path: str
    compute: Compute
    takes_waveforms: bool


def least_cosine(compute: Compute, pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The smallest cosine of x-vectors by a function and those that are expected.

    >>> least_cosine(lambda x: 2 * x, [(np.ones((1, 3)), np.ones((1, 3)))])
    1.0
    """
    return min(round(_cosine(compute(x)[0], expected_BE[0]), 6) for x, expected_BE in pairs)


def cost_on_trials(
    system: System, files: Mapping[str, File], trials: Trials, recordings: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Equal error rate, bytes and seconds of each file, and of the system itself, by name.

    All x-vectors are scored by the system's own chain.  A recording is one input, whatever its
    length.

    Raises
    ------
    DataDirError
        If a trial names a recording that is not there.
    AudioError
        If a recording cannot be embedded.
    """
    missing = [name for name in trials.sides if name not in recordings]
    if missing:
        raise DataDirError(
            f"--trials: {len(missing)} of {len(trials.sides)} names are not among the recordings"
            f" ({some(missing)}). Add their files or folders to --recordings."
        )
    vectors = {name: [] for name in ("system", *files)}
    seconds = dict.fromkeys(files, 0.0)
    for side in trials.sides:
        wave, name = wave_of(recordings[side], Reading(), system.sample_rate_hz)
        embedder = system.embedder
        vectors["system"].append(embedder.embed_wave(wave, name).xvector_E)
        x_TD = embedder.frames(wave, name).x_TD
        for key, file in files.items():
            samples = (wave.samples_CN / FULL_SCALE).astype(np.float32)
            start = time.perf_counter()
            vectors[key].append(file.compute(samples if file.takes_waveforms else x_TD[None])[0])
            seconds[key] += time.perf_counter() - start
    found = {"system": {"eer_percent": _eer_percent(system, vectors["system"], trials)}}
    for key, file in files.items():
        cosines = [
            _cosine(x_E, y_E) for x_E, y_E in zip(vectors[key], vectors["system"], strict=True)
        ]
        found[key] = {
            "eer_percent": _eer_percent(system, vectors[key], trials),
            "bytes": os.path.getsize(file.path),
            "seconds": round(seconds[key], 3),
            "least_cosine": round(min(cosines), 6),
            "mean_cosine": round(float(np.mean(cosines)), 6),
        }
    return found


def _eer_percent(system, vectors, trials):
    x_UE = np.asarray(vectors, np.float64)
    score_T = system.chain().score_pairs(x_UE, x_UE, trials.enroll_T, trials.test_T)
    return round(100 * eer(score_T[trials.target_T], score_T[~trials.target_T]), 4)


def _cosine(x_E, y_E):
    return float(x_E @ y_E / max(np.linalg.norm(x_E) * np.linalg.norm(y_E), 1e-30))
