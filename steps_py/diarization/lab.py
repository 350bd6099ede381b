"""LAB files: the speech of one recording, ``<begin> <end> [label]`` in s; the name is the file's.

A line whose label is ``sil``, ``nonspeech`` or ``noise`` is no speech; all others are.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from steps_py.diarization.turns import Region, cut_at_end, merge_regions, parse_time
from steps_py.errors import DataDirError
from steps_py.files import atomic_write
from steps_py.text_files import read_lines

NO_SPEECH = ("sil", "nonspeech", "noise")


def read_lab(path: str | os.PathLike, duration_sec: float | None = None) -> list[Region]:
    """Read the speech of the recording that has the file's name.

    Parameters
    ----------
    path : path-like
    duration_sec : float, optional
        Of the recording.  Speech that ends up to 0.5 s behind it is cut; further behind it is an
        error.

    Returns
    -------
    list of Region
        Sorted; those that overlap or touch are merged.

    Raises
    ------
    DataDirError
        With file and line.

    Examples
    --------
    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/rec.lab"
    >>> _ = open(path, "w").write("0.50 2.00 sp\\n2.00 3.00 sil\\n")
    >>> read_lab(path)
    [Region(recording='rec', start_sec=0.5, end_sec=2.0)]
    """
    regions = []
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        fields = line.split()
        if len(fields) not in (2, 3):
            raise DataDirError(
                f"{where}: {len(fields)} fields, expected '<begin> <end> [label]'. Correct the"
                " line."
            )
        start_sec = parse_time(fields[0], "the begin", where)
        end_sec = parse_time(fields[1], "the end", where)
        if not start_sec <= end_sec:
            raise DataDirError(
                f"{where}: ends at {fields[1]}, before its begin, {fields[0]}. Correct the line."
            )
        if fields[2:] and fields[2] in NO_SPEECH:
            continue
        end_sec = cut_at_end(start_sec, end_sec, duration_sec, where)
        regions.append(Region(Path(path).stem, start_sec, end_sec))
    return merge_regions(regions)


def write_lab(path: str | os.PathLike, regions: Iterable[Region]) -> None:
    """Write the speech of one recording, times in milliseconds; all or nothing.

    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/rec.lab"
    >>> write_lab(path, [Region("rec", 0.5, 2.0)])
    >>> open(path).read()
    '0.500 2.000 sp\\n'
    """
    with atomic_write(path) as out:
        for region in regions:
            out.write(f"{region.start_sec:.3f} {region.end_sec:.3f} sp\n")
