"""The plans of conversations as a table: what of whom is put where.

Columns are separated by tabs: recording, speaker, utterance, offset in it, begin, end, gain in dB;
times are in s.  Lines are sorted by recording, and by the begin within each.
"""

import os
from collections.abc import Mapping, Sequence

from steps_py.diarization.simulate import Piece
from steps_py.errors import DataDirError
from steps_py.files import atomic_write
from steps_py.text_files import read_lines

NUM_FIELDS = 7


def write_plans(path: str | os.PathLike, plans: Mapping[str, Sequence[Piece]]) -> None:
    """Write {recording: plan}; all or nothing.

    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/plan.tsv"
    >>> write_plans(path, {"c1": [Piece("ann", "a1", 2.5, 0.0, 1.25, -3.0)]})
    >>> open(path).read()
    'c1\\tann\\ta1\\t2.500\\t0.000\\t1.250\\t-3.0000\\n'
    >>> read_plans(path)["c1"][0].offset_sec
    2.5
    """
    with atomic_write(path) as out:
        for name, plan in sorted(plans.items()):
            for piece in plan:
                times = (piece.offset_sec, piece.start_sec, piece.end_sec)
                fields = [name, piece.speaker, piece.recording, *(f"{sec:.3f}" for sec in times)]
                out.write("\t".join([*fields, f"{piece.gain_db:.4f}"]) + "\n")


def read_plans(path: str | os.PathLike) -> dict[str, list[Piece]]:
    """{recording: plan}; DataDirError with the line for other lines than `write_plans` writes."""
    plans: dict[str, list[Piece]] = {}
    for number, line in read_lines(path):
        fields = line.split("\t")
        try:
            if len(fields) != NUM_FIELDS:
                raise ValueError
            piece = Piece(*fields[1:3], *(float(field) for field in fields[3:]))
        except ValueError:
            raise DataDirError(
                f"{path}:{number}: expected {NUM_FIELDS} columns, recording to gain, got"
                f" {line[:80]!r}. Make the file again."
            ) from None
        plans.setdefault(fields[0], []).append(piece)
    return plans
