"""RTTM files: who spoke when, a line for each turn.

A line has the fields type, recording, channel, onset in s, duration in s, orthography, subtype,
speaker, confidence, and in newer files signal look-ahead time; unused ones are ``<NA>``.

Source: NIST, "The 2009 (RT-09) rich transcription meeting recognition evaluation plan", appendix A.
"""

import os
from collections.abc import Collection, Iterable, Mapping

from steps_py.diarization.turns import (
    Turn,
    check_recording,
    cut_at_end,
    merge_turns,
    parse_time,
)
from steps_py.errors import DataDirError, did_you_mean
from steps_py.files import atomic_write
from steps_py.text_files import read_lines

OTHER_TYPES = (
    "A/P", "CB", "EDIT", "FILLER", "IP", "LEXEME", "NO_RT_METADATA", "NOSCORE", "NON-LEX",
    "NON-SPEECH", "SEGMENT", "SPKR-INFO", "SU",
)  # fmt: skip
FEWEST_FIELDS = 8


def read_rttm(
    path: str | os.PathLike,
    recordings: Collection[str] | None = None,
    durations_sec: Mapping[str, float] | None = None,
) -> list[Turn]:
    """Read the turns of an RTTM file, in any order of lines.

    Parameters
    ----------
    path : path-like
        Lines of other types than SPEAKER, blank ones and comments (``;;``) are passed over.
    recordings : collection of str, optional
        Those that exist; others are an error.
    durations_sec : mapping of str to float, optional
        Of recordings.  A turn that ends up to 0.5 s behind its recording is cut; further behind
        it is an error.

    Returns
    -------
    list of Turn
        Sorted.  Overlapping turns of one speaker are merged, empty ones left out.

    Raises
    ------
    DataDirError
        With file and line, for a line of another form, times that are no times, an unknown
        recording, or a turn behind the end.

    Examples
    --------
    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/a.rttm"
    >>> _ = open(path, "w").write("SPEAKER rec 1 0.5 2.0 <NA> <NA> ann <NA> <NA>\\n")
    >>> read_rttm(path)
    [Turn(recording='rec', start_sec=0.5, end_sec=2.5, speaker='ann')]
    """
    turns = []
    for number, line in read_lines(path):
        turn = _parse(line, f"{path}:{number}", recordings, durations_sec or {})
        if turn is not None:
            turns.append(turn)
    return merge_turns(turns)


def _parse(line, where, recordings, durations_sec):
    if line.startswith(";;"):
        return None
    fields = line.split()
    if fields[0] in OTHER_TYPES:
        return None
    if fields[0] != "SPEAKER":
        hint = did_you_mean(fields[0], ["SPEAKER", *OTHER_TYPES])
        raise DataDirError(f"{where}: the type of line '{fields[0]}' is unknown. {hint}")
    if len(fields) < FEWEST_FIELDS:
        raise DataDirError(
            f"{where}: {len(fields)} fields, expected 'SPEAKER <recording> <channel> <onset>"
            " <duration> <NA> <NA> <speaker> <NA> <NA>'. Correct the line."
        )
    _, recording, _, onset, duration, _, _, speaker, *_ = fields
    check_recording(recording, recordings, where)
    if speaker == "<NA>":
        raise DataDirError(f"{where}: no speaker in field 8. Correct the line.")
    start_sec = parse_time(onset, "the onset", where)
    duration_sec = parse_time(duration, "the duration", where)
    end_sec = start_sec + duration_sec
    end_sec = cut_at_end(start_sec, end_sec, durations_sec.get(recording), where)
    return Turn(recording, start_sec, end_sec, speaker)


def write_rttm(path: str | os.PathLike, turns: Iterable[Turn]) -> None:
    """Write turns in the order given, times in milliseconds; all or nothing.

    A duration is the difference of the rounded ends, so that turns that touch do so in the file.

    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/a.rttm"
    >>> write_rttm(path, [Turn("rec", 0.5, 2.5, "ann")])
    >>> open(path).read()
    'SPEAKER rec 1 0.500 2.000 <NA> <NA> ann <NA> <NA>\\n'
    """
    with atomic_write(path) as out:
        for turn in turns:
            out.write(rttm_line(turn) + "\n")


def rttm_line(turn: Turn) -> str:
    """The line of a turn; DataDirError for names with spaces.

    >>> rttm_line(Turn("rec", 0.0, 1.25, "ann"))
    'SPEAKER rec 1 0.000 1.250 <NA> <NA> ann <NA> <NA>'
    """
    for name in (turn.recording, turn.speaker):
        if len(name.split()) != 1:
            raise DataDirError(f"RTTM: the name {name!r} is empty or has spaces. Rename it.")
    start_ms, end_ms = round(1000 * turn.start_sec), round(1000 * turn.end_sec)
    return (
        f"SPEAKER {turn.recording} 1 {start_ms / 1000:.3f} {(end_ms - start_ms) / 1000:.3f}"
        f" <NA> <NA> {turn.speaker} <NA> <NA>"
    )
