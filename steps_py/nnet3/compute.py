"""Run features through a network: numpy, one matrix product per affine component.

Shape suffixes (scope: this module):
    T = frames   D = dimension   O = outputs   P = pooled frames   S = statistics
"""

from dataclasses import dataclass, replace

import numpy as np

from steps_py.errors import KaldiError
from steps_py.nnet3.convolution import WORTH_FRAMES
from steps_py.nnet3.plan import Choice, Constant, Plan, Rows, Total
from steps_py.nnet3.program import build
from steps_py.nnet3.times import positions

_KEPT_PLANS = 1000
_BLOCK_FRAMES = 512  # summed in single precision, then added up in double
_LONGEST_CONTEXT = 3000


class Computer:
    """Computes an output of a network for one utterance after another.

    Raises
    ------
    KaldiError
        If the network has no output of that name, needs another input than ``input``, or has
        parts that cannot be computed here.
    """

    def __init__(self, network, output="output"):
        self.steps = build(network, output)
        self.output_dim = network.dim(output)
        inputs = [name for name, step in self.steps.items() if step.is_input]
        if inputs != ["input"]:
            network.fail(f"'{output}' needs the inputs {inputs}, not just 'input'.")
        self.input_dim = network.nodes["input"].dim
        self._output, self._plans = output, {}
        self._forgotten_after = self._last_readers()

    def plan(self, num_frames):
        """The Plan for the output at time 0 of an utterance of so many frames."""
        if num_frames not in self._plans:
            if len(self._plans) >= _KEPT_PLANS:
                self._plans.clear()
            self._plans[num_frames] = Plan(self.steps, num_frames, range(1))
        return self._plans[num_frames]

    def min_frames(self):
        """The shortest utterance whose output can be computed; None if none is short enough."""
        lengths = range(1, _LONGEST_CONTEXT)
        return next((n for n in lengths if len(Plan(self.steps, n, range(1)).computable)), None)

    def __call__(self, x_TD):
        """The output at time 0 of the features x_TD: float32 (O,).

        Raises
        ------
        KaldiError
            If they have another dimension, or too few frames.
        """
        if x_TD.shape[1] != self.input_dim:
            raise KaldiError(
                f"{x_TD.shape[1]}-dimensional features, but the network takes {self.input_dim}."
                " Extract them with the configuration the network was trained with."
            )
        plan = self.plan(len(x_TD))
        if not len(plan.computable):
            raise KaldiError(
                f"{len(x_TD)} frames are too few: the network needs {self.min_frames()}."
                " Raise --min-chunk-size, with --pad-input=true."
            )
        return self._run(plan, x_TD)[0]

    def _run(self, plan, x_TD):
        values = {}
        for name, step in self.steps.items():
            if not len(plan.times[name]):
                continue
            if step.is_input:
                values[name] = x_TD[positions(plan.times[name], range(len(x_TD)))]
                continue
            recipes, num_rows = plan.recipes[name], len(plan.reads[name])
            if _goes_at_once(step, recipes, num_rows):
                rows = slice(recipes[0].index.start, recipes[2].index.stop)
                values[name] = step.spaced(_dense(values[recipes[0].source][rows]))
            else:
                values[name] = _do(step, plan, _gather(recipes, step, values, num_rows))
            for source in self._forgotten_after[name]:
                values.pop(source, None)
        return values[self._output]

    def _last_readers(self):
        """{node: the nodes that it is the last to read}"""
        last = {}
        for name, step in self.steps.items():
            for term in step.terms:
                last.update(dict.fromkeys(term.names(), name))
        after = {name: [] for name in self.steps}
        for source, reader in last.items():
            after[reader].append(source)
        return after


def _goes_at_once(step, recipes, num_rows):
    """Are the parts of the input one stretch of stored frames, long enough for SpacedAffine?"""
    if step.spaced is None or num_rows < WORTH_FRAMES:
        return False
    if not all(isinstance(recipe.index, slice) for recipe in recipes):
        return False
    starts = [recipe.index.start for recipe in recipes]
    return np.diff(starts).tolist() == [step.spaced.spacing] * 2


def _do(step, plan, x_TD):
    """What a step makes of its input."""
    if step.part is not None:
        return x_TD[:, step.part]
    if step.affine is not None:
        weight_DO, bias_O = step.affine
        y_TO = x_TD @ weight_DO
        y_TO += bias_O
        return y_TO
    if step.component is None:
        return x_TD
    if step.component.type == "StatisticsExtractionComponent":
        spans = step.window.spans(plan.times[step.name], plan.reads[step.name])
        return Statistics(x_TD, *spans, *step.diagonal, step.component.include_variance)
    if step.component.type == "StatisticsPoolingComponent":
        return _pool(step, plan, x_TD)
    if step.diagonal is not None:
        scale_D, offset_D = (x.astype(np.float32) for x in step.diagonal)
        return x_TD * scale_D + offset_D
    return step.component.apply(x_TD, x_TD if step.overwrites else None)


def _gather(recipes, step, values, num_rows):
    """The input of a step: its parts side by side."""
    if len(recipes) == 1:
        return _part(recipes[0], values, num_rows, step.dims[0])
    out_TD = np.empty((num_rows, step.input_dim), np.float32)
    start = 0
    for recipe, dim in zip(recipes, step.dims, strict=True):
        out_TD[:, start : start + dim] = _dense(_part(recipe, values, num_rows, dim))
        start += dim
    return out_TD


def _part(recipe, values, num_rows, dim):
    """The frames that a recipe makes; a view of them if they are simply there."""
    if isinstance(recipe, Rows):
        value = values[recipe.source]
        if recipe.scale == 1:
            return value[recipe.index]
        return _dense(value[recipe.index]) * np.float32(recipe.scale)
    if isinstance(recipe, Constant):
        return np.full((num_rows, dim), recipe.value, np.float32)
    if isinstance(recipe, Total):
        first = _dense(_part(recipe.first, values, num_rows, dim))
        return first + _dense(_part(recipe.second, values, num_rows, dim))
    assert isinstance(recipe, Choice)
    out_TD = np.zeros((num_rows, dim), np.float32)
    for rows, inner in ((recipe.rows, recipe.first), (recipe.other_rows, recipe.second)):
        if inner is not None:
            out_TD[rows] = _dense(_part(inner, values, len(rows), dim))
    return out_TD


def _dense(value):
    return value.dense() if isinstance(value, Statistics) else value


@dataclass
class Statistics:
    """What StatisticsExtractionComponent gives, not yet summed up.

    Frame i of it stands for rows ``begin[i]:end[i]`` of x_TD, scaled and shifted.  Pooling
    sums longer stretches at once.
    """

    x_TD: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    scale_D: np.ndarray
    offset_D: np.ndarray
    include_variance: bool

    def __getitem__(self, index):
        return replace(self, begin=self.begin[index], end=self.end[index])

    def moments(self, first, last):
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
        return np.array(rows, np.float32)


def _pool(step, plan, x):
    """StatisticsPoolingComponent: (P, O)."""
    component = step.component
    begin, end = step.window.spans(plan.times[step.name], plan.reads[step.name])
    rows = []
    for first, last in zip(begin.tolist(), end.tolist(), strict=True):
        if isinstance(x, Statistics) and x.include_variance:
            count, mean_D, var_D = x.moments(first, last)
            second_D = var_D if component.output_stddevs else var_D + mean_D * mean_D
        else:
            count, mean_D, second_D = _pool_dense(component, _dense(x[first:last]))
        if component.output_stddevs:
            second_D = np.sqrt(np.maximum(second_D, component.variance_floor))
        log_count = np.full(component.num_log_count_features, np.log(count))
        rows.append(np.concatenate([log_count, mean_D, second_D]))
    return np.array(rows, np.float32)


def _pool_dense(component, x_TS):
    sum_S = x_TS.sum(axis=0, dtype=np.float64)
    mean_S = sum_S[1:] / sum_S[0]
    if not component.output_stddevs:
        return sum_S[0], mean_S, mean_S[:0]
    mean_D, second_D = np.split(mean_S, 2)
    return sum_S[0], mean_D, second_D - mean_D * mean_D
