"""Turns as a picture: an SVG file, a row for each speaker over time."""

import os
from collections.abc import Sequence
from html import escape

from steps_py.diarization.turns import Turn
from steps_py.files import atomic_write

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
WIDTH, ROW, LEFT, TOP = 1000, 26, 140, 10
STEPS_SEC = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)  # between marks of time
MOST_MARKS = 12


def write_picture(path: str | os.PathLike, turns: Sequence[Turn], duration_sec: float) -> None:
    """Write the turns of one recording as SVG.

    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/turns.svg"
    >>> write_picture(path, [Turn("r", 1.0, 2.5, "ann")], 10.0)
    >>> open(path).read().count("<rect")
    1
    """
    speakers = list(dict.fromkeys(turn.speaker for turn in turns))
    height = TOP + ROW * max(1, len(speakers))
    scale = WIDTH / max(duration_sec, 1e-3)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}"'
        f' height="{height + 30}" font-family="sans-serif" font-size="12" fill="#808890">'
    ]
    for second in _marks(duration_sec):
        x = LEFT + second * scale
        lines.append(
            f'<path d="M{x:.1f} {TOP}V{height}" stroke="#808890" stroke-opacity="0.3"/>'
            f'<text x="{x:.1f}" y="{height + 16}" text-anchor="middle">{_clock(second)}</text>'
        )
    for row, speaker in enumerate(speakers):
        y = TOP + row * ROW
        lines.append(
            f'<text x="{LEFT - 8}" y="{y + 17}" text-anchor="end">{escape(speaker)}</text>'
        )
        for turn in turns:
            if turn.speaker == speaker:
                x, width = LEFT + turn.start_sec * scale, (turn.end_sec - turn.start_sec) * scale
                lines.append(
                    f'<rect x="{x:.2f}" y="{y + 3}" width="{max(width, 0.5):.2f}"'
                    f' height="{ROW - 6}" fill="{COLOURS[row % len(COLOURS)]}"><title>'
                    f"{escape(speaker)} {turn.start_sec:.2f} to {turn.end_sec:.2f} s</title></rect>"
                )
    with atomic_write(path) as out:
        out.write("\n".join([*lines, "</svg>", ""]))


def _marks(duration_sec):
    step = next((s for s in STEPS_SEC if duration_sec / s <= MOST_MARKS), 7200)
    return range(0, int(duration_sec) + 1, step)


def _clock(second):
    hours, rest = divmod(second, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
