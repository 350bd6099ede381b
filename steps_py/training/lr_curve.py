"""The curve of a search for the learning rate.

The choice of the steepest point is that of fastai's learning-rate finder.

Shape suffixes (scope: this module): N = steps
"""

import dataclasses
from pathlib import Path

import numpy as np

from steps_py.files import atomic_write

SMOOTHED_SHARE = 0.1  # of the steps, over which a loss is averaged


@dataclasses.dataclass(frozen=True)
class LrCurve:
    """Losses of steps at rising learning rates; arrays (N,)."""

    lr_N: np.ndarray
    loss_N: np.ndarray

    @property
    def smoothed_N(self) -> np.ndarray:
        """Centred means of the losses.

        >>> LrCurve(np.arange(30.0), np.arange(30.0)).smoothed_N[[0, 1, 15, 29]]
        array([ 0.,  1., 15., 29.])
        """
        reach = max(1, round(SMOOTHED_SHARE * len(self.loss_N) / 2))
        sums = np.concatenate([[0.0], np.cumsum(self.loss_N)])
        center = np.arange(len(self.loss_N))
        reach_N = np.minimum(reach, np.minimum(center, center[::-1]))  # shorter at both ends
        return (sums[center + reach_N + 1] - sums[center - reach_N]) / (2 * reach_N + 1)

    def suggestion(self) -> float | None:
        """The rate at which the smoothed loss falls fastest; None if it never falls.

        >>> lr_N = np.logspace(-4, 0, 41)
        >>> falls_around_a_hundredth = 5 - np.tanh(2 * np.log10(lr_N) + 4)
        >>> round(LrCurve(lr_N, falls_around_a_hundredth).suggestion(), 4)
        0.01
        """
        slope_N = np.gradient(self.smoothed_N) if len(self.lr_N) > 1 else np.zeros(1)
        steepest = int(slope_N.argmin())
        return float(self.lr_N[steepest]) if slope_N[steepest] < 0 else None

    @classmethod
    def read(cls, path: str | Path) -> "LrCurve":
        """Read what `write` wrote."""
        lr_N, loss_N, _ = np.loadtxt(path, skiprows=1, ndmin=2).T
        return cls(lr_N, loss_N)

    def describe(self) -> str:
        """One line with the suggestion."""
        suggestion = self.suggestion()
        if suggestion is None:
            return "the loss does not fall at any learning rate"
        lowest = self.lr_N[self.smoothed_N.argmin()]
        return f"the loss falls fastest at lr {suggestion:.2g} and is lowest at {lowest:.2g}"

    def write(self, path: str | Path) -> None:
        """Write a table with columns lr, loss and smoothed_loss."""
        rows = zip(self.lr_N, self.loss_N, self.smoothed_N, strict=True)
        with atomic_write(path) as out:
            out.write("lr\tloss\tsmoothed_loss\n")
            out.writelines(f"{lr:.6g}\t{loss:.6g}\t{smoothed:.6g}\n" for lr, loss, smoothed in rows)
