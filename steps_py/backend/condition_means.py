"""Centring of vectors by condition: the mean of each language, session or channel.

The condition of an utterance is its value in a table ``utt2<name>``.  Vectors of models and of
copies have the condition of their utterances, by the tables that lead from the one to the other.

Shape suffixes (scope: this module):
    N = vectors   D = dimension
"""

import numpy as np

from steps_py.data.data_dir import read_table
from steps_py.errors import BackendError, some
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import TableWriter
from steps_py.formats.vector_tables import read_vectors


class Conditions:
    """The condition of each vector of one or several sets.

    Parameters
    ----------
    words : list of (table, kind, path)
        For each set its table ``utt2<name>``, and where its vectors are not those of utterances
        the table that leads to them: kind "parts" for ``<vector> <utterance> ...``, "copies" for
        ``<utterance> <vector> ...``, "" for none.
    """

    def __init__(self, words: list[tuple[str, str, str]]):
        self._of, self._paths = {}, dict.fromkeys(path for path, *_ in words)
        for path, kind, links in words:
            value_of = read_table(path)
            self._of |= self._linked(value_of, kind, read_table(links), path) if kind else value_of

    def of(self, names: list[str]) -> list[str]:
        """The conditions of vectors; BackendError if one has none."""
        missing = [name for name in names if name not in self._of]
        if missing:
            raise BackendError(
                f"{', '.join(self._paths)}: {len(missing)} of {len(names)} utterances have no value"
                f" ({some(missing)}). Add them."
            )
        return [self._of[name] for name in names]

    def _linked(self, value_of, kind, links, path):
        if kind == "copies":
            return {
                copy: value_of[utt]
                for utt, copies in links.items()
                for copy in copies.split()
                if utt in value_of
            }
        found = {
            name: {value_of[utt] for utt in utts.split() if utt in value_of}
            for name, utts in links.items()
        }
        mixed = sorted(name for name, values in found.items() if len(values) > 1)
        if mixed:
            raise BackendError(
                f"{path}: the utterances of {len(mixed)} models have several values"
                f" ({some(mixed)}). A model that is centred has utterances of one."
            )
        return {name: values.pop() for name, values in found.items() if values}


def write_means(vectors_in, conditions, out):
    """Write the mean vector of each condition, as a table whose keys are the conditions."""
    keys, x_ND = read_vectors(vectors_in)
    with TableWriter(f"ark:{out}", FLOAT_VECTOR) as writer:
        for condition, mean_D in sorted(means_of(x_ND, conditions.of(keys)).items()):
            writer.write(condition, mean_D.astype(np.float32))


def means_of(x_ND, condition_N) -> dict:
    """The mean of the vectors of each condition.

    >>> {c: m.tolist() for c, m in means_of(np.array([[1.0], [3], [5]]), ["a", "a", "b"]).items()}
    {'a': [2.0], 'b': [5.0]}
    """
    known, place_N = np.unique(condition_N, return_inverse=True)
    sum_CD = np.zeros((len(known), x_ND.shape[1]))
    np.add.at(sum_CD, place_N, x_ND)
    mean_CD = sum_CD / np.bincount(place_N)[:, np.newaxis]
    return dict(zip(known.tolist(), mean_CD, strict=True))


def subtract_means(vectors_in, vectors_out, conditions, means=None):
    """Subtract from each vector the mean of its condition.

    Parameters
    ----------
    vectors_in, vectors_out : str
        Rspecifier and wspecifier.
    conditions : Conditions
    means : str, optional
        The file of `write_means`; without one the means are those of the vectors themselves.

    Raises
    ------
    BackendError
        If a vector has no condition, or its condition no mean.
    """
    keys, x_ND = read_vectors(vectors_in)
    condition_N = conditions.of(keys)
    if means is None:
        mean_of = means_of(x_ND, condition_N)
    else:
        mean_of = dict(zip(*read_vectors(f"ark:{means}"), strict=True))
    check_known(condition_N, mean_of)
    with TableWriter(vectors_out, FLOAT_VECTOR) as writer:
        for key, x_D, condition in zip(keys, x_ND, condition_N, strict=True):
            writer.write(key, (x_D - mean_of[condition]).astype(np.float32))


def check_known(conditions, known):
    """Raise BackendError if one of the `conditions` has no mean, as it is not `known`."""
    unknown = sorted(set(conditions) - set(known))
    if unknown:
        raise BackendError(
            f"centre: no mean for the conditions {some(unknown)}, only for {some(sorted(known))}."
            " Centre on sets that have all conditions."
        )
