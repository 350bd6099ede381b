"""Lists that come with corpora: rows of words, and recordings that a list names."""

import os
from collections.abc import Iterator
from pathlib import Path

from steps_py.errors import DataDirError, some
from steps_py.text_files import read_lines


def read_rows(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """(number, words) of each line that is not blank; DataDirError if there is none."""
    empty = True
    for number, line in read_lines(path):
        words = line.split()
        if words:
            empty = False
            yield number, words
    if empty:
        raise DataDirError(f"{path}: the list is empty. Fetch it again.")


def find_listed(corpus, folder, names, suffixes, listed_in) -> Iterator[tuple[str, str]]:
    """(name, path) of the recordings `names`, paths below `folder`.

    A file may have another of the `suffixes` than the list says, if it was converted.  Raises
    DataDirError for recordings that are not there, unless the corpus is `partial`.
    """
    gone, found = [], 0
    for name in sorted(names):
        stem = os.path.splitext(name)[0]
        paths = [f"{folder}/{name}", *(f"{folder}/{stem}{suffix}" for suffix in suffixes)]
        path = next((path for path in paths if os.path.isfile(path)), None)
        if path is None:
            gone.append(name)
        else:
            found += 1
            yield name, path
    if gone and not corpus.config.partial:
        raise DataDirError(
            f"{corpus.root / listed_in}: {len(gone)} of {len(names)} recordings are not in"
            f" {folder} ({some(gone)}). {corpus.fix_partial}"
        )
    if gone:
        corpus.notes.append(f"kept {found} of {len(names)} recordings of {listed_in}")
