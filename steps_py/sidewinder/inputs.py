"""Files, folders and Kaldi data directories -> recordings by key."""

import os
from collections.abc import Sequence
from pathlib import Path

from steps_py.audio.recordings import SUFFIXES
from steps_py.data.data_dir import read_table
from steps_py.errors import DataDirError, StepsError
from steps_py.system.sound import TableEntry


def recordings_in(inputs: Sequence[str]) -> dict[str, str | TableEntry]:
    """{key: recording} of files, folders and Kaldi data directories, in their order.

    Raises StepsError if there are none, or two have one key.
    """
    found: dict[str, str | TableEntry] = {}
    for path in inputs:
        for key, source in _recordings_of(path):
            if key in found:
                raise StepsError(
                    f"{path}: two recordings have the key '{key}'. Rename one, or embed them apart."
                )
            if not key or key.split() != [key]:
                raise StepsError(
                    f"{source}: '{key}' has a space, so it is no key of a table. Rename the file."
                )
            found[key] = source
    return found


def _recordings_of(path):
    """(key, recording) of one argument."""
    if not os.path.isdir(path):
        return [(Path(path).stem, path)]
    if os.path.isfile(f"{path}/wav.scp"):
        if os.path.isfile(f"{path}/segments"):
            raise DataDirError(
                f"{path}: has a file segments, which is not read here. Cut the recordings first:"
                " extract-segments."
            )
        return [
            (utt, TableEntry(entry, utt)) for utt, entry in read_table(f"{path}/wav.scp").items()
        ]
    files = sorted(
        file for file in Path(path).rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
    )
    if not files:
        raise StepsError(f"{path}: has no wav.scp and no recordings ({', '.join(SUFFIXES)}).")
    return [(str(f.relative_to(path).with_suffix("")).replace("/", "-"), str(f)) for f in files]
