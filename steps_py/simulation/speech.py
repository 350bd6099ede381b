"""Stretches of speech of single speakers, which conversations are made of.

Shape suffixes (scope: this module):
    T = frames
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from steps_py.augment.copies import read_durations
from steps_py.conversations.speech.base import joined, stretches_of_frames
from steps_py.data.data_dir import compare_keys, read_table
from steps_py.draws import Draws
from steps_py.errors import DataDirError
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader

FRAME_SHIFT_SEC = 0.01  # of voice decisions
FRAME_END_SEC = 0.015  # from the last frame's begin to its end, less a shift


class Stretch(NamedTuple):
    """A part of an utterance; times in s, in whole milliseconds."""

    utt: str
    begin_sec: float
    end_sec: float


def read_stretches(
    folder: str | Path, max_pause_sec: float, min_sec: float, share: tuple[float, float]
) -> dict[str, list[Stretch]]:
    """Speech of some speakers of a data directory, sorted.

    Parameters
    ----------
    folder : path
        With wav.scp, utt2spk and utt2dur. With vad.scp, an utterance has a stretch between each
        two pauses that are longer than `max_pause_sec`; without, it is one stretch.
    max_pause_sec : float
    min_sec : float
        Shorter stretches are left out, and so are speakers without any.
    share : (float, float)
        From and to, of all speakers in the order of a hash of their names.

    Returns
    -------
    {speaker: stretches}

    Raises
    ------
    DataDirError
        If a table is missing, does not match the others, or no speaker is left.
    """
    folder = Path(folder)
    wavs, utt2spk, utt2dur = (_read(folder / name) for name in ("wav.scp", "utt2spk", "utt2dur"))
    for name, table in (("utt2spk", utt2spk), ("utt2dur", utt2dur)):
        if faults := compare_keys(table.keys(), wavs.keys(), folder / name, folder / "wav.scp"):
            raise DataDirError(faults[0])
    durations_sec = {
        utt: math.floor(1000 * sec) / 1000
        for utt, sec in read_durations(utt2dur, folder / "utt2dur").items()
    }
    chosen = set(_share_of(sorted(set(utt2spk.values())), share))
    taken = [utt for utt, speaker in utt2spk.items() if speaker in chosen]
    spans = {utt: [(0.0, durations_sec[utt])] for utt in taken}
    if (folder / "vad.scp").is_file():
        spans = _spans_of_voice(
            folder / "vad.scp", {utt: durations_sec[utt] for utt in taken}, max_pause_sec
        )
    found: dict[str, list[Stretch]] = {}
    for utt in taken:
        own = [Stretch(utt, *span) for span in spans[utt] if span[1] - span[0] >= min_sec]
        if own:
            found.setdefault(utt2spk[utt], []).extend(own)
    if not found:
        raise DataDirError(
            f"{folder}: none of {len(chosen)} speakers has {min_sec:g} s of speech without a pause."
            " Raise max_pause_sec, or lower layout.min_turn_sec."
        )
    return dict(sorted(found.items()))


def stretches_of_voice(
    is_voiced_T: np.ndarray, duration_sec: float, max_pause_sec: float
) -> list[tuple[float, float]]:
    """Stretches of speech by the voice decisions of frames of 25 ms every 10 ms.

    >>> is_voiced_T = np.zeros(100)
    >>> is_voiced_T[[*range(10, 30), *range(40, 50), *range(90, 100)]] = 1
    >>> stretches_of_voice(is_voiced_T, 1.015, max_pause_sec=0.2)
    [(0.1, 0.515), (0.9, 1.015)]
    """
    runs = joined(
        stretches_of_frames(np.asarray(is_voiced_T) > 0.5, FRAME_SHIFT_SEC), max_pause_sec
    )
    return [(begin, min(round(end + FRAME_END_SEC, 3), duration_sec)) for begin, end in runs]


def _share_of(speakers, share):
    ranks = Draws.ranks(0, "simulation", speakers)
    order = np.argsort(np.frombuffer(ranks, "<u8"), kind="stable")
    first, end = (round(part * len(speakers)) for part in share)
    if first == end:
        raise DataDirError(
            f"simulation.sets: speakers {list(share)} of {len(speakers)} is nobody. Widen it."
        )
    return [speakers[place] for place in order[first:end]]


def _read(path) -> Mapping[str, str]:
    if not path.is_file():
        raise DataDirError(f"{path}: missing; conversations need it. Prepare {path.parent} again.")
    table = read_table(path)
    if not table:
        raise DataDirError(f"{path}: is empty; there is no speech to take.")
    return table


def _spans_of_voice(scp, durations_sec, max_pause_sec):
    """{utterance: stretches} of voice decisions, of which one is in memory at a time."""
    spans = {}
    with SequentialReader(f"scp:{scp}", FLOAT_VECTOR) as reader:
        for utt, is_voiced_T in reader:
            if utt in durations_sec:
                spans[utt] = stretches_of_voice(is_voiced_T, durations_sec[utt], max_pause_sec)
    if faults := compare_keys(spans.keys(), durations_sec.keys(), scp, "utt2spk"):
        raise DataDirError(faults[0])
    return spans
