"""Statistics of frames: their extraction and their pooling, for one utterance.

Shape suffixes (scope: this module):
    T = frames   D = dimension   O = outputs   P = pooled frames   S = statistics
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from steps_py.nnet3.plan import Plan
    from steps_py.nnet3.program import Step

_BLOCK_FRAMES = 512  # summed in single precision, then added up in double


@dataclass
class Statistics:
    """What StatisticsExtractionComponent gives, not yet summed up.

    Frame i represents rows ``begin[i]:end[i]`` of x_TD, scaled and shifted. Pooling
    sums longer stretches at once.
    """

    x_TD: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    scale_D: np.ndarray
    offset_D: np.ndarray
    include_variance: bool

    def __len__(self):
        return len(self.begin)

    def __getitem__(self, index):
        return replace(self, begin=self.begin[index], end=self.end[index])

    def moments(self, first: int, last: int) -> tuple[int, np.ndarray, np.ndarray]:
        """(count, mean (D,), variance (D,)) over frames `first` to `last`, exclusive.

        Blocks are centred before they are squared, and joined as in Chan, Golub and LeVeque,
        "Updating formulae and a pairwise algorithm for computing sample variances", 1979:
        frames that hardly differ have a small variance, not a rounding error.
        """
        count, mean_D, sumsq_D = 0, 0.0, 0.0
        for begin, end in self._stretches(first, last):
            for start in range(begin, end, _BLOCK_FRAMES):
                block_TD = self.x_TD[start : min(end, start + _BLOCK_FRAMES)]
                size = len(block_TD)
                ones_T = np.ones(size, np.float32)
                block_mean_D = (ones_T @ block_TD) / np.float32(size)
                centred_TD = block_TD - block_mean_D
                rest_D = (ones_T @ centred_TD).astype(np.float64) / size  # what rounding left
                delta_D = block_mean_D + rest_D - mean_D
                np.square(centred_TD, out=centred_TD)
                own_D = (ones_T @ centred_TD).astype(np.float64) - size * np.square(rest_D)
                sumsq_D = sumsq_D + own_D + np.square(delta_D) * (count * size / (count + size))
                count += size
                mean_D = mean_D + delta_D * (size / count)
        scale_D = self.scale_D
        return count, scale_D * mean_D + self.offset_D, np.square(scale_D) * (sumsq_D / count)

    def _stretches(self, first, last):
        """The rows of frames `first` to `last`; neighbours in one piece."""
        begin, end = self.begin[first:last], self.end[first:last]
        cuts = np.flatnonzero(begin[1:] != end[:-1]) + 1
        starts, stops = [0, *cuts.tolist()], [*cuts.tolist(), len(begin)]
        return [(int(begin[i]), int(end[j - 1])) for i, j in zip(starts, stops, strict=True)]

    def dense(self):
        """Count, sum and sum of squares of each frame: (T, S)."""
        rows = []
        for i in range(len(self.begin)):
            count, mean_D, var_D = self.moments(i, i + 1)
            parts = [[count], count * mean_D]
            if self.include_variance:
                parts.append(count * (var_D + mean_D * mean_D))
            rows.append(np.concatenate(parts))
        dim = 1 + len(self.scale_D) * (1 + self.include_variance)
        return np.array(rows, np.float32).reshape(len(rows), dim)


def observe(step: "Step", plan: "Plan", x_TD: np.ndarray) -> Statistics:
    """StatisticsExtractionComponent: Statistics."""
    spans = step.window.spans(plan.times[step.name], plan.reads[step.name])
    return Statistics(x_TD, *spans, *step.diagonal, step.component.include_variance)


def pool(step: "Step", plan: "Plan", x: Statistics) -> np.ndarray:
    """StatisticsPoolingComponent: (P, O)."""
    component = step.component
    begin, end = step.window.spans(plan.times[step.name], plan.reads[step.name])
    rows = []
    for first, last in zip(begin.tolist(), end.tolist(), strict=True):
        if isinstance(x, Statistics) and x.include_variance:
            count, mean_D, var_D = x.moments(first, last)
            second_D = var_D if component.output_stddevs else var_D + mean_D * mean_D
        else:
            count, mean_D, second_D = _pool_dense(component, dense(x[first:last]))
        if component.output_stddevs:
            second_D = np.sqrt(np.maximum(second_D, component.variance_floor))
        log_count = np.full(component.num_log_count_features, np.log(count))
        rows.append(np.concatenate([log_count, mean_D, second_D]))
    return np.array(rows, np.float32).reshape(len(rows), component.output_dim)


def _pool_dense(component, x_TS):
    sum_S = x_TS.sum(axis=0, dtype=np.float64)
    mean_S = sum_S[1:] / sum_S[0]
    if not component.output_stddevs:
        return sum_S[0], mean_S, mean_S[:0]
    mean_D, second_D = np.split(mean_S, 2)
    return sum_S[0], mean_D, second_D - mean_D * mean_D


def dense(value: np.ndarray) -> np.ndarray:
    """A value as an array."""
    return value.dense() if isinstance(value, Statistics) else value
