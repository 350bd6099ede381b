"""Vectors of the utterances that trials name, read from Kaldi's tables.

Shape suffixes (scope: this module):
    N = vectors   D = dimension   T = trials   S = names
"""

import numpy as np

from steps_py.errors import BackendError, some
from steps_py.formats.vector_tables import read_vectors


def read_sides(pairs, enroll_in, test_in):
    """Vectors of both sides of `pairs`, the rows of each trial in them, and the rows' names.

    Parameters
    ----------
    pairs : ScoredPairs
    enroll_in, test_in : str
        Rspecifiers; where they are the same one, both sides are one array.

    Returns
    -------
    (enroll_ND, enroll_T, names_N), (test_ND, test_T, names_N)

    Raises
    ------
    BackendError
        If a name of the pairs has no vector.
    """
    if enroll_in == test_in:
        place_T = np.concatenate([pairs.enroll_T, pairs.test_T])
        x_ND, row_T, names = _side(pairs.names, place_T, enroll_in)
        num_trials = len(pairs.enroll_T)
        return (x_ND, row_T[:num_trials], names), (x_ND, row_T[num_trials:], names)
    return (
        _side(pairs.names, pairs.enroll_T, enroll_in),
        _side(pairs.names, pairs.test_T, test_in),
    )


def _side(names, place_T, rspecifier):
    keys, x_ND = read_vectors(rspecifier)
    row_of = {key: row for row, key in enumerate(keys)}
    used_S = np.zeros(len(names), bool)
    used_S[place_T] = True
    wanted = [names[place] for place in np.flatnonzero(used_S).tolist()]
    missing = [name for name in wanted if name not in row_of]
    if missing:
        raise BackendError(
            f"{rspecifier}: no vector for {len(missing)} utterances of the trials"
            f" ({some(missing)}). Are they in the sets of the trial list?"
        )
    row_S = np.cumsum(used_S) - 1
    return x_ND[[row_of[name] for name in wanted]], row_S[place_T], wanted
