"""Windows and stretches of speech of many recordings as Kaldi's segments files."""

import os
from collections.abc import Iterable

from steps_py.errors import DataDirError
from steps_py.files import atomic_write
from steps_py.text_files import read_lines

Stretch = tuple[float, float]


def write_segments(path: str | os.PathLike, stretches: dict[str, list[Stretch]]) -> None:
    """Write ``<recording>-<begin ms>-<end ms> <recording> <begin> <end>`` lines, sorted by key.

    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/segments"
    >>> write_segments(path, {"rec": [(0.75, 2.25)]})
    >>> open(path).read()
    'rec-00000750-00002250 rec 0.750 2.250\\n'
    """
    lines = [
        f"{segment_key(name, begin, end)} {name} {begin:.3f} {end:.3f}\n"
        for name, found in stretches.items()
        for begin, end in found
    ]
    with atomic_write(path) as out:
        out.writelines(sorted(lines))


def segment_key(recording: str, begin_sec: float, end_sec: float) -> str:
    """The name of a stretch; names of one recording sort by time.

    >>> segment_key("rec", 0.75, 2.25)
    'rec-00000750-00002250'
    """
    return f"{recording}-{round(1000 * begin_sec):08d}-{round(1000 * end_sec):08d}"


def read_segments(
    path: str | os.PathLike, recordings: Iterable[str] = ()
) -> dict[str, list[Stretch]]:
    """{recording: its stretches in order of time}, with an empty list for others of `recordings`.

    Raises DataDirError with the line for other lines than `write_segments` writes.
    """
    found: dict[str, list[Stretch]] = {name: [] for name in recordings}
    for number, line in read_lines(path):
        fields = line.split()
        try:
            _, name, begin, end = fields
            stretch = float(begin), float(end)
        except ValueError:
            raise DataDirError(
                f"{path}:{number}: expected '<segment> <recording> <begin> <end>', got"
                f" {line[:80]!r}."
            ) from None
        found.setdefault(name, []).append(stretch)
    return {name: sorted(stretches) for name, stretches in found.items()}
