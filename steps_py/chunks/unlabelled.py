"""Selects the utterances of ``train.unlabelled``, whose speakers are not used.

Array suffixes (scope: this module):
    U = utterances
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from steps_py.chunks.allocation import COLUMNS, Utterances
from steps_py.chunks.config import ChunksConfig
from steps_py.errors import DataDirError, some
from steps_py.files import atomic_write

NO_SPEAKER = 0  # the speaker id of all rows


def allocate_unlabelled(
    utterances: Utterances, config: ChunksConfig, log: Callable[[str], object] = print
) -> np.ndarray:
    """Rows of the utterances that are long enough; `log` is called with how many are not.

    Raises DataDirError if none is.
    """
    needed = max(1, config.needed_frames)
    kept_U = utterances.num_voiced_U >= needed
    num_utts = len(kept_U)
    if not kept_U.any():
        raise DataDirError(
            f"train.unlabelled: all {num_utts} utterances have fewer than {needed} voiced frames."
            " Lower chunks.max_frames, or set chunks.short_utts to tile."
        )
    if not kept_U.all():
        short = some([utterances.utts[u] for u in np.flatnonzero(~kept_U)])
        log(
            f"chunks: dropped {(~kept_U).sum()} of {num_utts} unlabelled utterances"
            f" (fewer than {needed} voiced frames: {short})"
        )
    log(f"chunks: {kept_U.sum()} unlabelled utterances")
    return np.flatnonzero(kept_U)


def write_unlabelled(utterances: Utterances, rows: np.ndarray, path: str | Path) -> None:
    """Write unlabelled.tsv, in the form of train.tsv, with one speaker id for all rows."""
    num_voiced = utterances.num_voiced_U[rows].tolist()
    with atomic_write(path) as out:
        out.write("\t".join(COLUMNS) + "\n")
        out.writelines(
            f"{utterances.utts[u]}\t{NO_SPEAKER}\t{frames}\t{utterances.feats[u]}"
            f"\t{utterances.vad[u]}\n"
            for u, frames in zip(rows.tolist(), num_voiced, strict=True)
        )
