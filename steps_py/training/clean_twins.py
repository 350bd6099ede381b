"""The clean copy of each training utterance, by the tables of the data directories.

Array suffixes (scope: this module):
    U = utterances
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steps_py.chunks.allocation import Chunks
from steps_py.errors import DataDirError, some
from steps_py.training.labels import original_utts


def clean_twins(chunks: Chunks, data_dirs: Sequence[Path], where: str) -> np.ndarray:
    """Rows (U,) of the utterances that those of `chunks` are augmented copies of, or their own.

    Names have no meaning: utt2uniq of the data directories is what counts.
    Raises DataDirError if a copy is among `chunks`, but not its original.
    """
    row_of = {utt: row for row, utt in enumerate(chunks.utts)}
    originals = original_utts(chunks, data_dirs)
    missing = [utt for utt in originals if utt not in row_of]
    if missing:
        raise DataDirError(
            f"{where}: {chunks.path} has copies of {len(set(missing))} utterances"
            f" ({some(sorted(set(missing)))}), but not the utterances themselves. Train on both."
        )
    return np.array([row_of[utt] for utt in originals], np.int64)


def digest_of_twins(twin_U: np.ndarray) -> str:
    """SHA-256 (12 digits) of the rows of clean copies."""
    return hashlib.sha256(twin_U.tobytes()).hexdigest()[:12]
