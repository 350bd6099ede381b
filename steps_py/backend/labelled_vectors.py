"""Tables of vectors with the speakers of their utterances."""

import numpy as np

from steps_py.backend.covariance import SpeakerStats
from steps_py.data.data_dir import read_table
from steps_py.errors import BackendError, some
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader
from steps_py.formats.vector_tables import batches_of_one_dim, read_vectors


def read_stats(vectors_in, utt2spk=None) -> SpeakerStats:
    """Statistics of a table of vectors; without `utt2spk`, as if all were of one speaker.

    Raises BackendError if there is no vector, or an utterance has no speaker.
    """
    speakers = None if utt2spk is None else read_table(utt2spk)
    stats, index_of = None, {}
    with SequentialReader(vectors_in, FLOAT_VECTOR) as reader:
        for keys, x_ND in batches_of_one_dim(reader, vectors_in):
            names = ["" for _ in keys] if speakers is None else _speakers(keys, speakers, utt2spk)
            stats = stats or SpeakerStats(x_ND.shape[1])
            stats.add(x_ND, [index_of.setdefault(name, len(index_of)) for name in names])
    if stats is None:
        raise BackendError(f"{vectors_in}: no vector to train on.")
    return stats


def read_labelled(vectors_in, utt2spk) -> tuple[np.ndarray, list[str]]:
    """Vectors (N, D) of a table and the speaker of each."""
    keys, x_ND = read_vectors(vectors_in)
    return x_ND, _speakers(keys, read_table(utt2spk), utt2spk)


def _speakers(keys, utt2spk, where):
    missing = [key for key in keys if key not in utt2spk]
    if missing:
        raise BackendError(f"{where}: no speaker for {len(missing)} vectors ({some(missing)}).")
    return [utt2spk[key] for key in keys]
