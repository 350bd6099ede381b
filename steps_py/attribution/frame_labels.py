"""Labels of frames, such as phones or classes of them.

Shape suffixes (scope: this module):
    T = voiced frames   F = all frames
"""

import numpy as np

from steps_py.errors import DataDirError, TableError
from steps_py.formats.holders import INTS
from steps_py.formats.tables import RandomReader
from steps_py.text_files import read_lines


class FrameLabels:
    """A table of vectors of integers, one for each frame, and names of the integers.

    Parameters
    ----------
    table : path
        An .ark file, or an .scp file of one.
    names : path, optional
        Lines ``name label``; labels of one name count as one.

    Attributes
    ----------
    names : list of str or None
        The name of each number that `of` gives; None: numbers are those of the table.
    """

    def __init__(self, table: str, names: str | None = None):
        self._path, self._names_path = table, names
        kind = "scp" if table.endswith(".scp") else "ark"
        self._reader = RandomReader(f"{kind}:{table}", INTS)
        name_of = {} if names is None else read_names(names)
        self.names = None if names is None else list(dict.fromkeys(name_of.values()))
        self._number_of = {label: self.names.index(name) for label, name in name_of.items()}

    def of(self, utt: str, rows_T: np.ndarray) -> np.ndarray:
        """The labels of frames of an utterance; StepsError if there are none."""
        if utt not in self._reader:
            raise DataDirError(f"{self._path}: has no labels of {utt}. Add them.")
        label_F = np.asarray(self._reader[utt])
        if len(rows_T) and rows_T[-1] >= len(label_F):
            raise TableError(
                f"{self._path}: {utt} has {len(label_F)} labels, but frame {rows_T[-1]}, from 0, is"
                " voiced. Give one label for each frame of the features."
            )
        label_T = label_F[rows_T]
        if self.names is None:
            return label_T
        unnamed = sorted({*label_T.tolist()} - self._number_of.keys())
        if unnamed:
            raise DataDirError(
                f"{self._names_path}: has no name of label {unnamed[0]}, which {utt} has. Add it."
            )
        return np.array([self._number_of[label] for label in label_T.tolist()])


def read_names(path: str) -> dict[int, str]:
    """The name of each label in lines ``name label``, such as Kaldi's phones.txt."""
    found = {}
    for number, line in read_lines(path):
        name, _, label = line.rpartition(" ")
        if not name.strip() or not label.isdecimal():
            raise DataDirError(f"{path}:{number}: '{line[:40]}' is no line `name label`.")
        if int(label) in found:
            raise DataDirError(f"{path}:{number}: label {label} has two names. Remove one.")
        found[int(label)] = name.strip()
    return found
