"""A picture of the maps of two recordings over their features, with the evidence beside them.

Shape suffixes (scope: this module):
    T = voiced frames   F = all frames   D = feature dimension
"""

import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steps_py.attribution.curves import Curves
from steps_py.errors import StepsError
from steps_py.files import atomic_write

FORMATS = ("png", "svg", "pdf")
_FOR, _AGAINST, _RANDOM = "#b2182b", "#2166ac", "#777777"
_FULL_SHARE = 0.99  # of the absolute values: those beyond have the full colour
_TICKS_HZ = (100, 200, 500, 1000, 2000, 4000, 8000, 16000)


@dataclass(frozen=True)
class Row:
    """One recording of a picture.

    Attributes
    ----------
    title : str
    map_TD : float array
        Of the voiced frames.
    rows_T : int array
        Which of all frames these are.
    features_FD : float array
        All frames, which are drawn in grey.
    curves : Curves or None
    notes : sequence of str
        Lines below the curves.
    """

    title: str
    map_TD: np.ndarray
    rows_T: np.ndarray
    features_FD: np.ndarray
    curves: Curves | None
    notes: Sequence[str]


def write_picture(
    path: str | os.PathLike,
    title: str,
    rows: Sequence[Row],
    frame_shift_sec: float,
    frequencies_hz: np.ndarray | None,
) -> None:
    """Write the picture; see `check_picture` for its name."""
    suffix, figure_class = check_picture(path)
    figure = figure_class(figsize=(13, 1.2 + 3.7 * len(rows)), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    panels = figure.subplots(len(rows), 2, width_ratios=[2.6, 1], squeeze=False)
    for (picture, side), row in zip(panels, rows, strict=True):
        image = _draw_map(picture, row, frame_shift_sec, frequencies_hz)
        bar = figure.colorbar(image, ax=picture, pad=0.01, fraction=0.03)
        bar.set_label("map: red raises the score, blue lowers it", fontsize=8)
        bar.ax.tick_params(labelsize=7)
        _draw_curves(side, row)
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format=suffix, dpi=130, metadata=_without_time(suffix))


def check_picture(path: str | os.PathLike) -> tuple[str, type]:
    """The format of a picture, the suffix of its name (png, svg or pdf), and what draws it.

    Raises StepsError for another suffix, or without matplotlib.
    """
    suffix = os.path.splitext(path)[1][1:].lower()
    if suffix not in FORMATS:
        raise StepsError(
            f"{path}: is no name of a picture. Give one that ends in .{', .'.join(FORMATS)}"
        )
    try:
        from matplotlib.figure import Figure  # here, as it is an optional extra
    except ImportError:
        raise StepsError(
            f"{path}: pictures need the package matplotlib. Install it: pip install"
            " 'sidewinder[explain]'"
        ) from None
    return suffix, Figure


def _without_time(suffix) -> dict[str, Any]:
    return {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix, {})


def _draw_map(panel, row, frame_shift_sec, frequencies_hz):
    """Features in grey, and the map in red and blue over the voiced frames."""
    shown_D = np.arange(row.map_TD.shape[1])
    if frequencies_hz is not None:
        shown_D = np.flatnonzero(np.isfinite(frequencies_hz))
    num_frames, dim = len(row.features_FD), len(shown_D)
    extent = (0, num_frames * frame_shift_sec, -0.5, dim - 0.5)
    common = {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": "nearest"}
    features_FD = row.features_FD[:, shown_D]
    low, high = np.percentile(features_FD, [2, 99])
    panel.imshow(
        features_FD.T, cmap="Greys", alpha=0.7, vmin=low, vmax=max(high, low + 1e-6), **common
    )
    map_FD = np.full((num_frames, dim), np.nan)
    map_FD[row.rows_T] = row.map_TD[:, shown_D]
    limit = float(np.quantile(np.abs(row.map_TD[:, shown_D]), _FULL_SHARE)) or 1.0
    strength_FD = np.nan_to_num(np.clip(np.abs(map_FD) / limit, 0, 1))
    image = panel.imshow(
        map_FD.T, cmap="RdBu_r", vmin=-limit, vmax=limit, alpha=0.9 * strength_FD.T**0.6, **common
    )
    silent = np.ones(num_frames, bool)
    silent[row.rows_T] = False
    panel.fill_between(
        np.repeat(np.arange(num_frames + 1) * frame_shift_sec, 2)[1:-1],
        -0.5,
        dim - 0.5,
        where=np.repeat(silent, 2),
        color="#f6e8c3",
        alpha=0.75,
        linewidth=0,
    )
    panel.set_title(f"{row.title}   (shaded: no speech)", fontsize=9, loc="left")
    panel.set_xlabel("seconds", fontsize=8)
    panel.set_xlim(extent[:2])
    panel.set_ylim(extent[2:])
    panel.tick_params(labelsize=8)
    _label_dimensions(panel, frequencies_hz, shown_D)
    return image


def _label_dimensions(panel, frequencies_hz, shown_D):
    if frequencies_hz is None:
        panel.set_ylabel("coefficient", fontsize=8)
        return
    hz_D = frequencies_hz[shown_D]
    ticks = [hz for hz in _TICKS_HZ if hz_D[0] <= hz <= hz_D[-1]]
    panel.set_yticks(np.interp(ticks, hz_D, np.arange(len(hz_D))), [f"{hz}" for hz in ticks])
    panel.set_ylabel("Hz", fontsize=8)


def _draw_curves(panel, row):
    """Insertion and deletion, the range of random orders, and the notes."""
    if row.curves is None:
        panel.axis("off")
    else:
        for name, curve, colour in (
            ("insertion", row.curves.insertion, _FOR),
            ("deletion", row.curves.deletion, _AGAINST),
        ):
            percent_S, random_RS = 100 * curve.share_S, curve.random_RS
            panel.plot(percent_S, curve.score_S, color=colour, label=name)
            panel.plot(percent_S, random_RS.mean(axis=0), color=colour, linestyle=":")
        panel.plot([], [], color=_RANDOM, linestyle=":", label="in random order")
        panel.set_xlabel("% of features changed, highest of the map first", fontsize=8)
        panel.set_ylabel("score", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=7, framealpha=0.6)
    lines = [part for note in row.notes for part in textwrap.wrap(note, 58)]
    panel.set_title("\n".join(lines), fontsize=7.5, loc="left")
