"""Which frames a component reads to give one frame of its output.

Most read the same frame; the two that make statistics read a window, and of it what there
is.  Sources: src/nnet3/nnet-general-component.cc, IsComputable and PrecomputeIndexes.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from steps_py.nnet3 import times as tm


@dataclass(frozen=True)
class SameFrame:
    """Frame t of the output is made of frame t of the input."""

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """From where to where the output may exist, if the input does from `first` to `last`."""
        return first, last

    def reads(self, times: Iterable, first: int, last: int) -> Iterable:
        """The set of input times that the output at `times` needs, if it is computable."""
        return times

    def gives(self, wanted: Iterable, read: Iterable) -> Iterable:
        """Those of the times `wanted` for which the input at the times `read` is enough."""
        return read


@dataclass(frozen=True)
class Stretch:
    """Any frame of a stretch of `period` frames reads every `step`-th frame of the stretch."""

    step: int
    period: int

    def reach(self, first: int, last: int) -> tuple[int, int]:
        if self.period == 1:
            return first, last
        low = first if math.isinf(first) else first // self.period * self.period
        high = last if math.isinf(last) else last // self.period * self.period + self.period - 1
        return low, high

    def reads(self, times: Iterable, first: int, last: int) -> Iterable:
        if self.period == 1:
            return times
        starts = np.unique(tm.as_array(times) // self.period) * self.period
        tm.spaced(0, len(starts) * (self.period // self.step), 1)  # not too many
        read = (starts[:, None] + np.arange(0, self.period, self.step)).ravel()
        return tm.from_array(read[(read >= first) & (read <= last)])

    def spans(self, times: Iterable, read: Iterable) -> tuple[np.ndarray, np.ndarray]:
        """Where in `read` the window of each of the times begins and ends."""
        starts = tm.as_array(times) // self.period * self.period
        read = tm.as_array(read)
        return np.searchsorted(read, starts), np.searchsorted(read, starts + self.period)

    def gives(self, wanted: Iterable, read: Iterable) -> Iterable:
        if self.period == 1:
            return read
        begin, end = self.spans(wanted, read)
        return tm.from_array(tm.as_array(wanted)[end > begin])


@dataclass(frozen=True)
class Around:
    """Every `step`-th frame from `left` before to `right` after; defined at multiples of `step`."""

    step: int
    left: int
    right: int

    def reach(self, first: int, last: int) -> tuple[int, int]:
        return first - self.right, last + self.left

    def reads(self, times: Iterable, first: int, last: int) -> Iterable:
        read = tm.EMPTY
        for t in tm.as_array(self._defined(times)).tolist():
            low, high = t - self.left, t + self.right
            if low < first:
                low += -((low - first) // self.step) * self.step
            window = tm.spaced(low, min(high, last), self.step)
            if not len(read) or window.start > read[-1] + self.step:
                read = tm.union(read, window)
            elif len(window) and window[-1] > read[-1]:
                read = range(read[0], window[-1] + self.step, self.step)
        return read

    def _defined(self, times):
        if self.step == 1:
            return times
        times = tm.as_array(times)
        return tm.from_array(times[times % self.step == 0])

    def spans(self, times: Iterable, read: Iterable) -> tuple[np.ndarray, np.ndarray]:
        times, read = tm.as_array(times), tm.as_array(read)
        begin = np.searchsorted(read, times - self.left)
        return begin, np.searchsorted(read, times + self.right, "right")

    def gives(self, wanted: Iterable, read: Iterable) -> Iterable:
        wanted = self._defined(wanted)
        begin, end = self.spans(wanted, read)
        return tm.from_array(tm.as_array(wanted)[end > begin])


def window_of(component):
    """The window of a component; None is an output or a part of a node."""
    kind = component.type if component is not None else ""
    if kind == "StatisticsExtractionComponent":
        return Stretch(component.input_period, component.output_period)
    if kind == "StatisticsPoolingComponent":
        return Around(component.input_period, component.left_context, component.right_context)
    return SameFrame()
