"""Which frames of which node an output needs, by nnet3's rules.

Source: src/nnet3/nnet-computation-graph.cc.  Frames are counted from the first of the
utterance; a frame of a node can be computed if what it must read can, whereby IfDefined
needs nothing, Failover one of two, and statistics at least one frame of their window.
Only what the outputs use in the end is computed.

A Plan is made for a length once; it holds, for each node, the times to compute and a recipe
for its input (Rows, Total, Choice, Constant).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.nnet3 import times as tm

if TYPE_CHECKING:
    from steps_py.nnet3.descriptors import Term
    from steps_py.nnet3.program import Step

_EVERYWHERE = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of another node, a slice or an array of positions, times `scale`."""

    source: str
    index: object
    scale: float


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of two recipes."""

    first: object
    second: object


@dataclass(frozen=True, slots=True)
class Choice:
    """Some rows by one recipe, the others by another; None makes zeros."""

    rows: object
    first: object
    other_rows: object
    second: object


@dataclass(frozen=True, slots=True)
class Constant:
    value: float


class Plan:
    """The times of every node for an utterance of `num_frames`, in the order of `steps`.

    Parameters
    ----------
    steps : dict
        Name -> Step of program.py, sources before those that read them.
    num_frames : int
    output_times : range
        Of the last step.
    first_time : int
        Of the input.

    Attributes
    ----------
    computable : set of times
        Those of `output_times` that can be computed.
    times, reads : dict
        Of each node, the times that are computed and the times of its input.
    recipes : dict
        Of each node, how the parts of its input are put together.
    """

    def __init__(
        self, steps: "dict[str, Step]", num_frames: int, output_times: Iterable, first_time: int = 0
    ):
        self._steps = steps
        self._last = next(reversed(steps))
        self._there = first_time, first_time + num_frames - 1
        self._input_bounds = {}  # between which the input of a step may be computable
        self._bounds = self._bound()
        self._find_computable(self._ask(output_times))
        self.computable = self._can[self._last]
        self.reads = {}
        self.times = self._choose(output_times)
        self.recipes = {
            name: tuple(self._recipe(term, self.reads[name]) for term in step.terms)
            for name, step in steps.items()
            if len(self.reads[name])
        }

    # --- how far each node can reach, in either direction -------------------------------

    def _bound(self):
        bounds = {}
        for name, step in self._steps.items():
            self._input_bounds[name] = first, last = _bound_of_all(step.terms, bounds)
            if step.is_input:
                bounds[name] = self._there
                continue
            bounds[name] = step.window.reach(first, last) if first <= last else None
        return bounds

    # --- backwards from the output: which times are needed ------------------------------

    def _ask(self, output_times):
        """{node: the times that the output may need}"""
        asked = dict.fromkeys(self._steps, tm.EMPTY)
        asked[self._last] = output_times
        for name, step in reversed(self._steps.items()):
            bound = self._bounds[name]
            if bound is None:
                asked[name] = tm.EMPTY
            elif bound != _EVERYWHERE:
                asked[name] = tm.clip(asked[name], *bound)
            if len(asked[name]):
                read = step.window.reads(asked[name], *self._input_bounds[name])
                self._pass_on(asked, step, read)
        return asked

    def _pass_on(self, asked, step, read):
        """Ask the sources of `step` for what it needs to read the times `read`."""
        for term in step.terms:
            for source, sequence in _leaves(term, read):
                asked[source] = tm.union(asked[source], tm.as_set(sequence))

    # --- forward again: which of them can be computed -----------------------------------

    def _find_computable(self, asked):
        can, self._read = {}, {}
        self._can = can
        for name, step in self._steps.items():
            if step.is_input:
                can[name] = tm.clip(asked[name], *self._there)
            elif len(asked[name]):
                read = self._readable(step, asked[name])
                self._read[name] = asked[name], read
                can[name] = step.window.gives(asked[name], read)
            else:
                can[name] = tm.EMPTY

    def _readable(self, step, times):
        """The input times that exist of those that `step` reads to give `times`."""
        read = step.window.reads(times, *self._input_bounds[step.name])
        for term in step.terms:
            read = tm.as_set(tm.take(read, self._present(term, read)))
        return read

    def _present(self, term, sequence):
        """The entries of `sequence` at which `term` can be computed: a slice or positions."""
        if term.kind in ("IfDefined", "Const"):
            return slice(0, len(sequence))
        if term.kind in ("Sum", "Failover"):
            first, second = (_mask(self._present(t, sequence), sequence) for t in term.terms)
            return np.flatnonzero(first & second if term.kind == "Sum" else first | second)
        source, mapped, _ = follow(term, sequence)
        return tm.contained(mapped, self._can[source])

    # --- back once more: which of those are used, and how -------------------------------

    def _choose(self, output_times):
        used = dict.fromkeys(self._steps, tm.EMPTY)
        used[self._last] = output_times
        for name, step in reversed(self._steps.items()):
            can = self._can[name]
            used[name] = tm.as_set(tm.take(used[name], tm.contained(used[name], can)))
            self.reads[name] = used[name]
            if not step.is_input and len(used[name]):
                self.reads[name] = self._read_by(step, used[name])
                self._pass_on(used, step, self.reads[name])
        return used

    def _read_by(self, step, times):
        """`_readable`, which was found out before if all that was asked for is used."""
        asked, read = self._read[step.name]
        same = isinstance(times, range) and isinstance(asked, range) and times == asked
        return read if same else self._readable(step, times)

    def _recipe(self, term, times):
        """How `term` is put together at `times`, all of which can be computed."""
        if term.kind == "Const":
            return Constant(term.values[0])
        if term.kind == "Sum":
            return Total(*(self._recipe(inner, times) for inner in term.terms))
        if term.kind in ("Failover", "IfDefined"):
            here = _mask(self._present(term.terms[0], times), times)
            rows, others = np.flatnonzero(here), np.flatnonzero(~here)
            first = second = None
            if len(rows):
                first = self._recipe(term.terms[0], tm.take(times, rows))
            if term.kind == "Failover" and len(others):
                second = self._recipe(term.terms[1], tm.take(times, others))
            return Choice(rows, first, others, second)
        source, mapped, scale = follow(term, times)
        return Rows(source, tm.positions(mapped, self.times[source]), scale)


def follow(term: "Term", sequence: Iterable) -> tuple[str, Iterable, float]:
    """(source node, its times, scale) of a term that chooses frames, at the times `sequence`."""
    if term.kind == "node":
        return term.values[0], sequence, 1.0
    if term.kind == "Scale":
        source, mapped, scale = follow(term.terms[0], sequence)
        return source, mapped, scale * term.values[0]
    return follow(term.terms[0], _moved(term, sequence))


def _moved(term, sequence):
    """The times that Offset, Round or ReplaceIndex makes of others."""
    value = term.values[0]
    if term.kind == "Offset":
        if isinstance(sequence, range):
            return range(sequence.start + value, sequence.stop + value, sequence.step)
        return sequence + value
    if term.kind == "Round":
        return sequence if value == 1 else tm.as_array(sequence) // value * value
    assert term.kind == "ReplaceIndex"
    return np.full(len(sequence), term.values[1], np.int64) if value == "t" else sequence


def _leaves(term, sequence):
    """(source, times) that a term may read to give the times `sequence`."""
    if term.kind in ("Sum", "Failover", "IfDefined"):
        for inner in term.terms:
            yield from _leaves(inner, sequence)
    elif term.kind != "Const":
        source, mapped, _ = follow(term, sequence)
        yield source, mapped


def _bound_of_all(terms, bounds):
    """Times between which all terms may be computable."""
    reached = [_bound_of(term, bounds) for term in terms]
    if not reached or None in reached:
        return 0, -1
    return max([low for low, _ in reached]), min([high for _, high in reached])


def _bound_of(term, bounds):
    """Times outside of which `term` cannot be computed; None if it never can."""
    if term.kind == "node":
        return bounds[term.values[0]]
    if term.kind in ("IfDefined", "Const"):
        return _EVERYWHERE
    inner = [_bound_of(t, bounds) for t in term.terms]
    if term.kind == "Failover":
        inner = [bound for bound in inner if bound is not None]
        if not inner:
            return None
        return min(low for low, _ in inner), max(high for _, high in inner)
    if None in inner:
        return None
    low, high = max(low for low, _ in inner), min(high for _, high in inner)
    if term.kind == "Offset":
        return low - term.values[0], high - term.values[0]
    if term.kind == "Round":
        return low, high + term.values[0] - 1
    if term.kind == "ReplaceIndex" and term.values[0] == "t":
        return _EVERYWHERE if low <= term.values[1] <= high else None
    return (low, high) if low <= high else None


def _mask(index, sequence):
    mask = np.zeros(len(sequence), bool)
    mask[index] = True
    return mask
