"""X-vectors of the windows of a set, as an archive and in memory.

Shape suffixes (scope: this module):
    N = windows of a recording   D = dimension of x-vectors
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from steps_py.conversations.window_table import Stretch, segment_key
from steps_py.errors import DataDirError
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader, TableWriter


def write_window_xvectors(
    embedder,
    heard,
    windows: Mapping[str, list[Stretch]],
    ark: Path,
    scp: Path,
    each: Callable[[], object],
) -> None:
    """Write the x-vectors of the windows of each recording; nothing is left if one fails.

    Parameters
    ----------
    embedder : WindowEmbedder
    heard : HeardSet
    windows : mapping of recordings to stretches in s
    ark, scp : path
    each : callable
        Called once a window, for progress.
    """
    ark.parent.mkdir(parents=True, exist_ok=True)
    try:
        with TableWriter(f"ark,scp:{ark},{scp}", FLOAT_VECTOR) as writer:
            for recording in heard.open(list(windows)):
                name = recording.features.name
                xvectors = embedder.xvectors(recording.features, windows[name])
                for window, xvector_D in zip(windows[name], xvectors, strict=True):
                    writer.write(segment_key(name, *window), xvector_D)
                    each()
    except BaseException:
        ark.unlink(missing_ok=True)
        scp.unlink(missing_ok=True)
        raise


def read_window_xvectors(
    scp: str | Path, windows: Mapping[str, list[Stretch]]
) -> dict[str, np.ndarray]:
    """{recording: float32 (N, D)} of the windows; DataDirError if the archive has others."""
    if not any(windows.values()):
        return {name: np.zeros((0, 0), np.float32) for name in windows}
    with SequentialReader(f"scp:{scp}", FLOAT_VECTOR) as reader:
        vectors = dict(reader)
    keys = {segment_key(name, *window) for name, found in windows.items() for window in found}
    if keys != vectors.keys():
        raise DataDirError(
            f"{scp}: has {len(vectors)} x-vectors, but there are {len(keys)} windows. Extract"
            " them again."
        )
    dim = len(next(iter(vectors.values())))
    return {
        name: np.array([vectors[segment_key(name, *window)] for window in found], np.float32)
        if found
        else np.zeros((0, dim), np.float32)
        for name, found in windows.items()
    }
