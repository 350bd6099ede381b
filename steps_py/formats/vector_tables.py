"""Tables of vectors of one dimension, read as matrices.

Shape suffixes (scope: this module):
    N = vectors   D = dimension
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steps_py.errors import KaldiError, some
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader, read_object

if TYPE_CHECKING:
    import numpy as np

_BATCH = 512


def batches(
    reader: SequentialReader, size: int = _BATCH
) -> "Iterator[tuple[list[str], np.ndarray]]":
    """Consecutive entries of a vector table as (keys, float32 array (N, D)), N <= `size`.

    A batch ends where the dimension changes, so that all vectors of a batch have one dimension.
    """
    import numpy as np  # start-up time

    keys, vectors = [], []
    for key, x_D in reader:
        if len(keys) == size or (vectors and len(vectors[0]) != len(x_D)):
            yield keys, np.stack(vectors)
            keys, vectors = [], []
        keys.append(key)
        vectors.append(x_D)
    if keys:
        yield keys, np.stack(vectors)


def batches_of_one_dim(
    reader: SequentialReader, rspecifier: str, size: int = _BATCH
) -> "Iterator[tuple[list[str], np.ndarray]]":
    """`batches`, but a vector of another dimension or with nan is a KaldiError."""
    first_key = dim = None
    for keys, x_ND in batches(reader, size):
        if dim is None:
            first_key, dim = keys[0], x_ND.shape[1]
        if x_ND.shape[1] != dim:
            raise KaldiError(
                f"{rspecifier}: {keys[0]} has {x_ND.shape[1]} dimensions, {first_key} has {dim}."
                " All vectors of a table must have the same."
            )
        check_finite(keys, x_ND, rspecifier)
        yield keys, x_ND


def check_finite(keys: list[str], x_ND: "np.ndarray", rspecifier: str) -> None:
    """Raise KaldiError that names the vectors with nan or infinity."""
    import numpy as np  # start-up time

    bad = np.flatnonzero(~np.isfinite(x_ND).all(axis=1))
    if bad.size:
        raise KaldiError(
            f"{rspecifier}: not finite: {some(keys[row] for row in bad)}. Remove these vectors,"
            " or find the cause."
        )


def read_finite(rxfilename: str, holder):
    """The vector or matrix in a file; KaldiError if a number of it is nan or infinite."""
    import numpy as np  # start-up time

    array = read_object(rxfilename, holder)
    if not np.isfinite(array).all():
        raise KaldiError(f"{rxfilename}: contains nan or infinity. Make the file again.")
    return array


def read_vectors(rspecifier: str) -> "tuple[list[str], np.ndarray]":
    """The whole table: (keys, float32 array (N, D)); (0, 0) if it is empty.

    Raises
    ------
    KaldiError
        If a key occurs twice, dimensions differ, or a vector is not finite.
    """
    import numpy as np  # start-up time

    all_keys, parts = [], []
    with SequentialReader(rspecifier, FLOAT_VECTOR) as reader:
        for keys, x_ND in batches_of_one_dim(reader, rspecifier):
            all_keys += keys
            parts.append(x_ND)
    if len(set(all_keys)) < len(all_keys):
        seen = set()
        twice = [key for key in all_keys if key in seen or seen.add(key)]
        raise KaldiError(f"{rspecifier}: keys come twice: {some(twice)}. Make them unique.")
    return all_keys, np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)
