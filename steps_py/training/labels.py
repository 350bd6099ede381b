"""Labels of the training utterances from tables ``utt2<name>``: domain, language, gender.

Array suffixes (scope: this module):
    U = utterances
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steps_py.augment.speed import prefix_of
from steps_py.chunks.allocation import Chunks
from steps_py.data.data_dir import read_table
from steps_py.errors import ConfigError, DataDirError, some


@dataclass(frozen=True)
class Labels:
    """The label of each utterance, as a number of its name in C order."""

    names: list[str]
    id_U: np.ndarray  # int64

    @property
    def digest(self) -> str:
        """SHA-256 (12 digits) of names and labels."""
        sha = hashlib.sha256("\0".join(self.names).encode())
        sha.update(self.id_U.tobytes())
        return sha.hexdigest()[:12]


def read_labels(table: str, chunks: Chunks, data_dirs: Sequence[Path], where: str) -> Labels:
    """The labels of `chunks` in ``utt2<table>`` of the first of `data_dirs`.

    A copy of an utterance, in another of them, has the label of its original.

    Raises
    ------
    StepsError
        If the table is not there, or has no label of an utterance.
    """
    if not data_dirs:
        raise ConfigError(f"{where}: labels is {table}, but no data directory was given.")
    path = data_dirs[0] / f"utt2{table}"
    if not path.exists():
        raise ConfigError(
            f"{where}: {path} is not there. Write a line '<utterance> <label>' for each utterance"
            f" of {data_dirs[0]}, or correct labels."
        )
    label_of, originals = read_table(path), original_utts(chunks, data_dirs)
    missing = sorted({utt for utt in originals if utt not in label_of})
    if missing:
        raise DataDirError(
            f"{path}: has no label of {len(missing)} of {len(set(originals))} training utterances"
            f" ({some(missing)}). Add them."
        )
    names = sorted({label_of[utt] for utt in originals})
    id_of = {name: i for i, name in enumerate(names)}
    return Labels(names, np.array([id_of[label_of[utt]] for utt in originals], np.int64))


def original_utts(chunks: Chunks, data_dirs: Sequence[Path]) -> list[str]:
    """The utterance that each of `chunks` is a copy of, or its own name.

    Augmented copies are those of utt2uniq in `data_dirs`; copies at other speeds have a prefix.
    """
    original_of = {}
    for folder in data_dirs:
        if (folder / "utt2uniq").exists():
            original_of |= read_table(folder / "utt2uniq")
    utts = chunks.utts
    if chunks.speed_U is not None:
        prefixes = [prefix_of(speed) if speed != 1 else "" for speed in chunks.speed_U.tolist()]
        utts = [utt.removeprefix(prefix) for utt, prefix in zip(utts, prefixes, strict=True)]
    return [original_of.get(utt, utt) for utt in utts]
