"""Forward pass of a network in numpy: one matrix product per affine component and batch.

Shape suffixes (scope: this module):
    T = frames, of all utterances   D = dimension   I = inputs   O = outputs   U = utterances
"""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from steps_py.errors import KaldiError
from steps_py.nnet3.convolution import WORTH_FRAMES
from steps_py.nnet3.plan import Choice, Constant, Plan, Rows, Total
from steps_py.nnet3.pooling import dense, observe, pool
from steps_py.nnet3.program import build
from steps_py.nnet3.times import positions

if TYPE_CHECKING:
    from steps_py.nnet3.network import Network

_KEPT_PLANS = 1000
_LONGEST_CONTEXT = 3000
_SLICE_FRAMES = 1000  # of a product; they are still in the cache when they are rectified


class Computer:
    """Computes an output of a network for single utterances or batches.

    Raises
    ------
    KaldiError
        If the network has no output of that name, needs another input than ``input``, or has
        parts that cannot be computed here.
    """

    def __init__(self, network: "Network", output: str = "output"):
        self.steps = build(network, output)
        self.output_dim = network.dim(output)
        inputs = [name for name, step in self.steps.items() if step.is_input]
        if inputs != ["input"]:
            network.fail(f"'{output}' needs the inputs {inputs}, not just 'input'.")
        self.input_dim = network.nodes["input"].dim
        self._output, self._plans = output, {}
        self._forgotten_after = self._last_readers()

    def plan(self, num_frames: int) -> Plan:
        """The Plan for the output at time 0 of an utterance of `num_frames` frames."""
        if num_frames not in self._plans:
            if len(self._plans) >= _KEPT_PLANS:
                self._plans.clear()
            self._plans[num_frames] = Plan(self.steps, num_frames, range(1))
        return self._plans[num_frames]

    def min_frames(self) -> int | None:
        """The shortest utterance whose output can be computed; None if none is short enough."""
        lengths = range(1, _LONGEST_CONTEXT)
        return next((n for n in lengths if len(Plan(self.steps, n, range(1)).computable)), None)

    def check(self, x_TD: np.ndarray) -> Plan:
        """The Plan for the features x_TD.

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
        return plan

    def __call__(self, x_TD):
        """The output at time 0 of the features x_TD: float32 (O,); KaldiError as from `check`."""
        return self.many([x_TD])[0]

    def many(self, utts: list[np.ndarray]) -> np.ndarray:
        """The outputs at time 0 of several utterances: float32 (U, O).

        One product with each matrix for all utterances, which is faster for short ones. Frames of
        different utterances are not mixed.
        """
        plans = [self.check(x_TD) for x_TD in utts]
        values = {}
        for name, step in self.steps.items():
            if any(len(plan.times[name]) for plan in plans):
                values[name] = self._step_value(step, plans, values, utts)
                for source in self._forgotten_after[name]:
                    values.pop(source, None)
        return values[self._output].joined()

    def _step_value(self, step, plans, values, utts):
        """The value of a node in all utterances, from those of its sources."""
        if step.is_input:
            return Stacked(
                [
                    x_TD[positions(plan.times[step.name], range(len(x_TD)))]
                    for plan, x_TD in zip(plans, utts, strict=True)
                ]
            )
        counts = [len(plan.reads[step.name]) for plan in plans]
        if _goes_spaced(step, plans, sum(counts)):
            return Stacked.split(_finished(step, _spaced(step, plans, values)), counts)
        x = _gather(step, plans, values, counts)
        kind = step.component.type if step.component is not None else ""
        if kind == "StatisticsExtractionComponent":
            per_utt = zip(plans, x.parts, strict=True)
            return Stacked([observe(step, plan, x_TD) for plan, x_TD in per_utt])
        if kind == "StatisticsPoolingComponent":
            per_utt = zip(plans, x.parts, strict=True)
            return Stacked([pool(step, plan, part) for plan, part in per_utt])
        return Stacked.split(_do(step, x.joined()), counts)

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


class Stacked:
    """The frames of a node, utterance by utterance.

    `parts` has an array (or Statistics) for each; the arrays are views of one if `rows` is
    not None.
    """

    def __init__(self, parts: "list", rows: np.ndarray | None = None):
        self.parts = parts
        self._rows = parts[0] if len(parts) == 1 else rows

    @classmethod
    def split(cls, rows_TD: np.ndarray, counts: list[int]) -> "Stacked":
        """Of all frames and how many there are of each utterance."""
        if len(counts) == 1:
            return cls([rows_TD])
        ends = np.cumsum(counts).tolist()
        spans = zip([0, *ends[:-1]], ends, strict=True)
        return cls([rows_TD[start:end] for start, end in spans], rows_TD)

    def joined(self) -> np.ndarray:
        """All frames, one utterance after another: (T, D)."""
        if self._rows is None:
            self._rows = np.concatenate([dense(part) for part in self.parts])
        return dense(self._rows)

    def chosen(self, indices: list[slice]) -> "Stacked":
        """Those of the frames at an index for each utterance; itself if that is all of them."""
        per_utt = list(zip(self.parts, indices, strict=True))
        if all(isinstance(i, slice) and i == slice(0, len(part)) for part, i in per_utt):
            return self
        return Stacked([part[index] for part, index in per_utt])


def _goes_spaced(step, plans, num_rows):
    """Are the parts of the input one stretch of stored frames, long enough for SpacedProduct?"""
    if step.spaced is None or num_rows < WORTH_FRAMES:
        return False
    spacings = [step.spaced.spacing] * 2
    for plan in plans:
        recipes = plan.recipes.get(step.name)
        if recipes is None or not all(isinstance(recipe.index, slice) for recipe in recipes):
            return False
        if np.diff([recipe.index.start for recipe in recipes]).tolist() != spacings:
            return False
    return True


def _spaced(step, plans, values):
    """The product of SpacedProduct: (T, O)."""
    utts = []
    for number, plan in enumerate(plans):
        first, _, last = plan.recipes[step.name]
        rows = slice(first.index.start, last.index.stop)
        utts.append(dense(values[first.source].parts[number][rows]))
    return step.spaced(utts)


def _do(step, x_TD):
    """What a step makes of its input."""
    if step.part is not None:
        return x_TD[:, step.part]
    if step.affine is not None:
        return _affine(step, x_TD)
    if step.component is None:
        return x_TD
    if step.diagonal is not None:
        scale_D, offset_D = (x.astype(np.float32) for x in step.diagonal)
        return x_TD * scale_D + offset_D
    return step.component.apply(x_TD, x_TD if step.overwrites else None)


def _affine(step, x_TD):
    """The frames of an affine step, slice by slice of about `_SLICE_FRAMES`."""
    weight_OI, _ = step.affine
    y_TO = np.empty((len(x_TD), len(weight_OI)), np.float32)
    num_slices = max(1, round(len(x_TD) / _SLICE_FRAMES))
    ends = [len(x_TD) * number // num_slices for number in range(num_slices + 1)]
    for start, end in itertools.pairwise(ends):
        _finished(step, np.matmul(x_TD[start:end], weight_OI.T, out=y_TO[start:end]))
    return y_TO


def _finished(step, y_TO):
    """What an affine step makes of its product, in its place."""
    if step.floor_O is not None:
        return np.maximum(y_TO, step.floor_O, out=y_TO)
    y_TO += step.affine[1]
    return y_TO


def _gather(step, plans, values, counts):
    """The input of a step: its parts side by side."""
    recipes = [plan.recipes.get(step.name, ()) for plan in plans]  # none where it has no frames
    sources = {
        recipe.source if _is_plain(recipe) else None for of_utt in recipes for recipe in of_utt
    }
    if len(step.terms) == 1 and len(sources) == 1 and None not in sources:
        indices = [of_utt[0].index if of_utt else slice(0, 0) for of_utt in recipes]
        return values[sources.pop()].chosen(indices)
    out_TD = np.empty((sum(counts), step.input_dim), np.float32)
    stacked = Stacked.split(out_TD, counts)
    for number, (of_utt, out_of_utt_TD) in enumerate(zip(recipes, stacked.parts, strict=True)):
        start = 0
        for recipe, dim in zip(of_utt, step.dims, strict=bool(of_utt)):
            columns = slice(start, start + dim)
            out_of_utt_TD[:, columns] = _part(recipe, values, number, counts[number], dim)
            start += dim
    return stacked


def _is_plain(recipe):
    return isinstance(recipe, Rows) and recipe.scale == 1


def _part(recipe, values, number, num_rows, dim):
    """The frames that a recipe makes for an utterance, a view of them if they are simply there."""
    if isinstance(recipe, Rows):
        rows_TD = dense(values[recipe.source].parts[number][recipe.index])
        return rows_TD if recipe.scale == 1 else rows_TD * np.float32(recipe.scale)
    if isinstance(recipe, Constant):
        return np.full((num_rows, dim), recipe.value, np.float32)
    if isinstance(recipe, Total):
        first_TD = _part(recipe.first, values, number, num_rows, dim)
        return first_TD + _part(recipe.second, values, number, num_rows, dim)
    assert isinstance(recipe, Choice)
    out_TD = np.zeros((num_rows, dim), np.float32)
    for rows, inner in ((recipe.rows, recipe.first), (recipe.other_rows, recipe.second)):
        if inner is not None:
            out_TD[rows] = _part(inner, values, number, len(rows), dim)
    return out_TD
