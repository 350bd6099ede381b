"""Segments of recordings, cut at whole samples."""

OVERSHOOT_SEC = 0.5  # a segment may end so much behind its recording, as in extract-segments


def cut(segment: tuple[float, float], header) -> tuple[float, float] | None:
    """(begin, length) in s of a segment, at whole samples as Kaldi's extract-segments cuts.

    Parameters
    ----------
    segment : (float, float)
        Begin and end in s; an end of -1 is the end of the recording.
    header : Header
        Of the recording.

    Returns
    -------
    (float, float) or None
        None if the segment is empty or not inside the recording.

    Examples
    --------
    >>> from steps_py.audio.recordings import Header
    >>> cut((1.0, 1.5), Header(8000, 1, 1.25))
    (1.0, 0.25)
    >>> cut((1.0, 1.8), Header(8000, 1, 1.25)) is None
    True
    """
    begin_sec, end_sec = segment
    rate_hz, length_sec = header.rate_hz, header.duration_sec
    end_sec = length_sec if end_sec == -1 else end_sec
    first, last = int(begin_sec * rate_hz), int(min(end_sec, length_sec) * rate_hz)
    if not 0 <= first < last or end_sec > length_sec + OVERSHOOT_SEC:
        return None
    return first / rate_hz, (last - first) / rate_hz


def single_speaker(segments: list[tuple[str, int, int]]) -> list[tuple[str, float, float]]:
    """Stretches in which exactly one speaker is active, in the order of time.

    Parameters
    ----------
    segments : iterable of (str, float, float)
        Speaker, begin and end in s, of all speakers of a recording.

    Examples
    --------
    >>> single_speaker([("a", 0.0, 3.0), ("b", 2.0, 5.0), ("a", 5.0, 6.0)])
    [('a', 0.0, 2.0), ('b', 3.0, 5.0), ('a', 5.0, 6.0)]
    """
    events = []
    for speaker, begin, end in segments:
        if begin < end:
            events += [(begin, 1, speaker), (end, -1, speaker)]
    stretches, active, last = [], {}, 0.0
    for time, change, speaker in sorted(events):
        if len(active) == 1 and last < time:
            (alone,) = active
            if stretches and stretches[-1][0] == alone and stretches[-1][2] == last:
                last = stretches.pop()[1]
            stretches.append((alone, last, time))
        active[speaker] = active.get(speaker, 0) + change
        if not active[speaker]:
            del active[speaker]
        last = time
    return stretches
