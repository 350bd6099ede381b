"""UEM files: the regions of recordings that are scored, ``<recording> <channel> <begin> <end>``."""

import os
from collections.abc import Collection, Iterable, Mapping

from steps_py.diarization.turns import (
    Region,
    check_recording,
    cut_at_end,
    merge_regions,
    parse_time,
)
from steps_py.errors import DataDirError
from steps_py.files import atomic_write
from steps_py.text_files import read_lines


def read_uem(
    path: str | os.PathLike,
    recordings: Collection[str] | None = None,
    durations_sec: Mapping[str, float] | None = None,
) -> list[Region]:
    """Read the regions of a UEM file; comments (``;;``) are passed over.

    Parameters
    ----------
    path : path-like
    recordings : collection of str, optional
        Those that exist; others are an error.
    durations_sec : mapping of str to float, optional
        Of recordings.  A region that ends up to 0.5 s behind its recording is cut; further behind
        it is an error.

    Returns
    -------
    list of Region
        Sorted; regions that overlap or touch are merged.

    Raises
    ------
    DataDirError
        With file and line.

    Examples
    --------
    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/a.uem"
    >>> _ = open(path, "w").write("rec 1 0.0 30.0\\n")
    >>> read_uem(path)
    [Region(recording='rec', start_sec=0.0, end_sec=30.0)]
    """
    regions = []
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        if line.startswith(";;"):
            continue
        fields = line.split()
        if len(fields) != 4:
            raise DataDirError(
                f"{where}: {len(fields)} fields, expected '<recording> <channel> <begin> <end>'."
                " Correct the line."
            )
        recording, _, begin, end = fields
        check_recording(recording, recordings, where)
        start_sec, end_sec = (
            parse_time(begin, "the begin", where),
            parse_time(end, "the end", where),
        )
        if not start_sec < end_sec:
            raise DataDirError(
                f"{where}: the region ends at {end}, not behind its begin, {begin}. Correct the"
                " line."
            )
        end_sec = cut_at_end(start_sec, end_sec, (durations_sec or {}).get(recording), where)
        regions.append(Region(recording, start_sec, end_sec))
    return merge_regions(regions)


def write_uem(path: str | os.PathLike, regions: Iterable[Region]) -> None:
    """Write regions in the order given, times in milliseconds; all or nothing.

    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/a.uem"
    >>> write_uem(path, [Region("rec", 0.0, 30.0)])
    >>> open(path).read()
    'rec 1 0.000 30.000\\n'
    """
    with atomic_write(path) as out:
        for region in regions:
            out.write(f"{region.recording} 1 {region.start_sec:.3f} {region.end_sec:.3f}\n")
