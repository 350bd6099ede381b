"""Turns of speakers, and what the readers of RTTM, UEM and LAB files share."""

import math
import os
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from steps_py.errors import DataDirError, did_you_mean

OVERSHOOT_SEC = 0.5  # a region may end so much behind its recording; it is cut


class Turn(NamedTuple):
    """A stretch in which a speaker speaks; sorted by recording, begin, end and speaker."""

    recording: str
    start_sec: float
    end_sec: float
    speaker: str


class Region(NamedTuple):
    """A stretch of a recording: one that is scored (UEM), or speech (LAB)."""

    recording: str
    start_sec: float
    end_sec: float


def merge_turns(turns: Iterable[Turn]) -> list[Turn]:
    """Sorted turns, where those of one speaker that overlap are one, and empty ones none.

    Turns that touch stay two, because a collar is around each begin and end.

    >>> merge_turns([Turn("r", 4.0, 6.0, "a"), Turn("r", 0.0, 5.0, "a"), Turn("r", 7.0, 7.0, "b")])
    [Turn(recording='r', start_sec=0.0, end_sec=6.0, speaker='a')]
    """
    spans = defaultdict(list)
    for turn in turns:
        spans[turn.recording, turn.speaker].append((turn.start_sec, turn.end_sec))
    return sorted(
        Turn(recording, start_sec, end_sec, speaker)
        for (recording, speaker), own in spans.items()
        for start_sec, end_sec in merge_spans(own, touching=False)
    )


def merge_regions(regions: Iterable[Region]) -> list[Region]:
    """Sorted regions, where those that overlap or touch are one, and empty ones none."""
    spans = defaultdict(list)
    for region in regions:
        spans[region.recording].append((region.start_sec, region.end_sec))
    return sorted(
        Region(recording, *span) for recording, own in spans.items() for span in merge_spans(own)
    )


def merge_spans(
    spans: Iterable[tuple[float, float]], touching: bool = True
) -> list[tuple[float, float]]:
    """Sorted (begin, end), where those that overlap are one, and empty ones none.

    With `touching`, so are those that touch.

    >>> merge_spans([(3.0, 4.0), (0.0, 2.0), (1.0, 3.0), (9.0, 9.0)])
    [(0.0, 4.0)]
    >>> merge_spans([(3.0, 4.0), (0.0, 2.0), (1.0, 3.0)], touching=False)
    [(0.0, 3.0), (3.0, 4.0)]
    """
    merged = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and (start < merged[-1][1] or (touching and start == merged[-1][1])):
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def by_recording(items: Iterable[Turn | Region]) -> dict[str, list]:
    """{recording: its turns or regions}, in the order of the input.

    >>> list(by_recording([Region("b", 0.0, 1.0), Region("a", 0.0, 1.0), Region("b", 2.0, 3.0)]))
    ['b', 'a']
    """
    groups = defaultdict(list)
    for item in items:
        groups[item.recording].append(item)
    return dict(groups)


def parse_time(text: str, what: str, where: str) -> float:
    """A time in s that is not negative; else DataDirError at `where`.

    >>> parse_time("3.50", "the onset", "a.rttm:1")
    3.5
    """
    try:
        time_sec = math.nan if "_" in text else float(text)
    except ValueError:
        time_sec = math.nan
    if not 0 <= time_sec < math.inf:
        raise DataDirError(
            f"{where}: {what} is {text!r}, expected seconds, 0 or more. Correct the line."
        )
    return time_sec


def check_recording(recording: str, known: Collection[str] | None, where: str) -> None:
    """Raise DataDirError if there is no such recording; `known` None means all are accepted."""
    if known is not None and recording not in known:
        raise DataDirError(
            f"{where}: recording '{recording}' is unknown. {did_you_mean(recording, known)}"
        )


def cut_at_end(
    start_sec: float, end_sec: float, duration_sec: float | None, where: str | os.PathLike
) -> float:
    """`end_sec`, or the end of the recording if that is up to half a second earlier.

    `duration_sec` is the recording's, None if it is not known.  Raises DataDirError if the stretch
    begins behind the recording, or ends more than half a second behind it.

    >>> cut_at_end(0.0, 30.2, 30.0, "all.uem:1")
    30.0
    """
    if duration_sec is None or end_sec <= duration_sec:
        return end_sec
    if start_sec >= duration_sec or end_sec > duration_sec + OVERSHOOT_SEC:
        raise DataDirError(
            f"{where}: from {start_sec:g} to {end_sec:g} s, but the recording ends at"
            f" {duration_sec:g} s. Correct the times, or the name of the recording."
        )
    return duration_sec
