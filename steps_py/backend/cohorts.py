"""The cohort of a score normalisation: who is in it, and its vectors.

A list of lines ``<utterance> <speaker>``; as vectors, its utterances or the means of its speakers.
"""

import os

import numpy as np

from steps_py.data.data_dir import read_table
from steps_py.errors import BackendError, some
from steps_py.files import atomic_write
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.formats.vector_tables import batches_of_one_dim, read_vectors


def draw_cohort(
    utt2spk: dict[str, str], num_cohort: int | None = None, by_speaker: bool = False, seed: int = 1
) -> dict:
    """The utterances of a cohort and their speakers, a part of the table `utt2spk`.

    `num_cohort` utterances, or with `by_speaker` all utterances of that many speakers, are drawn
    by the seed; None takes all.

    >>> draw_cohort({"a1": "a", "a2": "a", "b1": "b"}, num_cohort=1, by_speaker=True)
    {'a1': 'a', 'a2': 'a'}
    """
    things = sorted(set(utt2spk.values()) if by_speaker else utt2spk)
    if num_cohort is not None:
        if num_cohort > len(things):
            kind = "speakers" if by_speaker else "utterances"
            raise BackendError(
                f"cohort: num_cohort is {num_cohort}, but the sets have {len(things)} {kind}."
                " Lower it, or set it to null for all."
            )
        things = np.random.default_rng(seed).choice(things, num_cohort, replace=False).tolist()
    chosen = set(things)
    return {
        utt: spk for utt, spk in sorted(utt2spk.items()) if (spk if by_speaker else utt) in chosen
    }


def write_cohort(path: str | os.PathLike, utt2spk: dict[str, str]) -> None:
    """Write the list; it appears whole or not at all."""
    with atomic_write(path) as file:
        file.writelines(f"{utt} {spk}\n" for utt, spk in utt2spk.items())


def write_cohort_vectors(cohort, vectors_out, by_speaker, *vectors_in):
    """Copy the vectors of the list `cohort` from several tables, or the means of its speakers."""
    utt2spk = read_table(cohort)
    missing = set(utt2spk)
    sums, counts = {}, {}
    with TableWriter(vectors_out, FLOAT_VECTOR) as writer:
        for rspecifier in vectors_in:
            with SequentialReader(rspecifier, FLOAT_VECTOR) as reader:
                for keys, x_ND in batches_of_one_dim(reader, rspecifier):
                    for utt, x_D in zip(keys, x_ND, strict=True):
                        if utt not in missing:
                            continue
                        missing.discard(utt)
                        if not by_speaker:
                            writer.write(utt, x_D)
                            continue
                        spk = utt2spk[utt]
                        sums[spk] = sums.get(spk, 0.0) + x_D.astype(np.float64)
                        counts[spk] = counts.get(spk, 0) + 1
        if missing:
            raise BackendError(
                f"cohort: no vector for {len(missing)} of its {len(utt2spk)} utterances"
                f" ({some(sorted(missing))})."
            )
        for spk in sorted(sums):
            writer.write(spk, (sums[spk] / counts[spk]).astype(np.float32))


def read_cohort(cohort: str, vectors: str) -> tuple[np.ndarray, list[str]]:
    """Vectors (C, D) and speakers of the members, from the list and the file of vectors."""
    utt2spk = read_table(cohort)
    keys, x_CD = read_vectors(f"ark:{vectors}")
    return x_CD, [utt2spk.get(key, key) for key in keys]
