"""The steps that compute an output of a network, prepared once.

Nodes are in topological order. Components that scale and shift each dimension (batch norm, dropout
at test time) are folded into the affine component or the statistics that follow, as by Kaldi's
CollapseModel (src/nnet3/nnet-utils.cc).

Shape suffixes (scope: this module):
    I = inputs   O = outputs   D = dimension
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from steps_py.errors import KaldiError
from steps_py.nnet3.components import Component, NoOpComponent
from steps_py.nnet3.convolution import SpacedProduct, spacing_of
from steps_py.nnet3.descriptors import Term, node
from steps_py.nnet3.network import DimRangeNode, InputNode, OutputNode
from steps_py.nnet3.windows import SameFrame, window_of

if TYPE_CHECKING:
    from steps_py.nnet3.network import Network

_OBSERVED = "StatisticsExtractionComponent"


@dataclass
class Step:
    """One node.

    `terms` are the parts of its input; one of the fields after `window` says what is done to
    them: nothing at all, for an output.
    """

    name: str
    terms: tuple = ()
    dims: tuple = ()  # of the terms
    is_input: bool = False
    window: object = field(default_factory=SameFrame)
    part: slice | None = None
    component: Component | None = None
    affine: tuple | None = None  # (matrix (O, I), bias (O,) or None)
    spaced: SpacedProduct | None = None  # its product, if it reads three evenly spaced frames
    floor_O: np.ndarray | None = None  # of the product, in the place of a bias
    diagonal: tuple | None = None  # (scale (D,), offset (D,)); of statistics, what came before
    overwrites: bool = False  # writes its result over its input, which no other step reads

    @property
    def input_dim(self) -> int:
        return sum(self.dims)


def build(network: "Network", output: str) -> dict[str, Step]:
    """{name: Step} of all nodes that the output node `output` needs; it comes last.

    Raises
    ------
    KaldiError
        If there is no such output, or the network is recurrent or otherwise beyond us.
    """
    if not isinstance(network.nodes.get(output), OutputNode):
        known = ", ".join(network.outputs())
        network.fail(f"there is no output-node '{output}'. Known: {known}.")
    steps = {name: _step(network, name) for name in _in_order(network, output)}
    for step in steps.values():
        for term in step.terms:
            _check(network, step.name, term)
    steps = _only_needed(_folded(steps), output)
    _mark_overwriting(steps)
    return steps


def _step(network, name):
    graph_node = network.nodes[name]
    if isinstance(graph_node, InputNode):
        return Step(name, dims=(graph_node.dim,), is_input=True)
    if isinstance(graph_node, DimRangeNode):
        first = graph_node.dim_offset
        part = slice(first, first + graph_node.dim)
        terms = (node(graph_node.source),)
        return Step(name, terms, (network.dim(graph_node.source),), part=part)
    terms = graph_node.input.parts()
    dims = tuple(network.term_dim(term) for term in terms)
    if isinstance(graph_node, OutputNode):
        return Step(name, terms, dims)
    component = network.component(graph_node)
    step = Step(name, terms, dims, window=window_of(component), component=component)
    if hasattr(component, "affine"):
        weight_OI, bias_O = component.affine()
        step.affine = weight_OI, bias_O
    elif hasattr(component, "diagonal"):
        step.diagonal = component.diagonal()
    return step


def _in_order(network, output):
    """The nodes that `output` needs, sources first."""
    done, order, queue = {}, [], [(output, False)]
    while queue:
        name, sources_done = queue.pop()
        if sources_done:
            done[name] = True
            order.append(name)
        elif name not in done:
            done[name] = False
            queue.append((name, True))
            for source in network.nodes[name].names():
                if done.get(source) is False:
                    network.fail(f"node '{source}' depends on itself. Recurrence is not built in.")
                queue.append((source, False))
    return order


def _check(network, name, term):
    """Raise KaldiError for components that cannot be computed."""
    if term.kind == "Switch" or (term.kind == "Offset" and term.values[1] != 0):
        raise KaldiError(
            f"{network.where}: node '{name}': {term} cannot be computed here: Switch and offsets"
            " of x are not built in."
        )
    for inner in term.terms:
        _check(network, name, inner)


def _folded(steps):
    """The steps, with as little to do as can be: what only scales and shifts is multiplied in."""
    readers, folded = _num_readers(steps), {}
    for name, step in steps.items():
        folded[name] = step
        if step.affine is not None:
            _fold_into_affine(folded, step)
        elif step.component is not None and step.component.type == _OBSERVED:
            _fold_into_statistics(folded, step)
        elif _rectifies_affine(folded, step, readers):
            _fold_into_rectifier(folded, step)
    return folded


def _fold_into_affine(steps, step):
    """Leave out the diagonal steps right before an affine one."""
    weight_OI, bias_O = step.affine
    scale_I, offset_I = np.ones(step.input_dim), np.zeros(step.input_dim)
    terms, start = [], 0
    for term, dim in zip(step.terms, step.dims, strict=True):
        columns = slice(start, start + dim)
        while (source := _diagonal_source(steps, term)) is not None:
            offset_I[columns] += scale_I[columns] * source.diagonal[1]
            scale_I[columns] *= source.diagonal[0]
            term = _replaced(term, source.terms[0])
        terms.append(term)
        start += dim
    if offset_I.any():
        bias_O = bias_O + weight_OI @ offset_I.astype(np.float32)
    if (scale_I != 1).any():
        weight_OI = weight_OI * scale_I.astype(np.float32)
    step.terms, step.affine = tuple(terms), (weight_OI, bias_O)
    spacing = spacing_of(step.terms)
    if spacing is not None:
        step.spaced = SpacedProduct(weight_OI, spacing)


def _rectifies_affine(steps, step, readers):
    """Is `step` max(x, 0) of an affine step that nothing else reads?"""
    if step.component is None or step.component.type != "RectifiedLinearComponent":
        return False
    if len(step.terms) > 1 or step.terms[0].kind != "node":
        return False
    source = steps[step.terms[0].values[0]]
    return source.affine is not None and readers[source.name] == 1


def _fold_into_rectifier(steps, step):
    """max(x + b, 0) = max(x, -b) + b: the affine step does the first, what comes next folds b."""
    source = steps[step.terms[0].values[0]]
    weight_OI, bias_O = source.affine
    source.affine, source.floor_O = (weight_OI, None), -bias_O
    dim = len(bias_O)
    step.component = NoOpComponent(dim=dim)
    step.diagonal = np.ones(dim), bias_O.astype(np.float64)


def _fold_into_statistics(steps, step):
    """Leave out the diagonal steps right before statistics, and remember what they do."""
    scale_D, offset_D = np.ones(step.input_dim), np.zeros(step.input_dim)
    while len(step.terms) == 1 and (source := _diagonal_source(steps, step.terms[0])) is not None:
        offset_D = offset_D + scale_D * source.diagonal[1]
        scale_D = scale_D * source.diagonal[0]
        step.terms = (_replaced(step.terms[0], source.terms[0]),)
    step.diagonal = scale_D, offset_D


def _diagonal_source(steps, term):
    """The step whose frames `term` chooses, if it is diagonal and reads one plain node."""
    while term.kind in ("Offset", "Round", "ReplaceIndex"):
        term = term.terms[0]
    source = steps[term.values[0]] if term.kind == "node" else None
    if source is None or source.diagonal is None or source.component.type == _OBSERVED:
        return None
    plain = len(source.terms) == 1 and source.terms[0].kind == "node"
    return source if plain else None


def _replaced(term, inner):
    """`term` with another term in the place of its node."""
    if term.kind == "node":
        return inner
    return Term(term.kind, (_replaced(term.terms[0], inner),), term.values)


def _only_needed(steps, output):
    """The steps that are still needed, in the same order."""
    needed = {output}
    for name, step in reversed(steps.items()):
        if name in needed:
            needed.update(source for term in step.terms for source in term.names())
    return {name: step for name, step in steps.items() if name in needed}


def _mark_overwriting(steps):
    """Find the steps that may write their result over their input."""
    readers = _num_readers(steps)
    for step in steps.values():
        if len(step.terms) == 1 and step.terms[0].kind == "node":
            source = steps[step.terms[0].values[0]]
            step.overwrites = readers[source.name] == 1 and source.affine is not None


def _num_readers(steps):
    """{node: how many terms read it}"""
    readers = {}
    for step in steps.values():
        for term in step.terms:
            for source in term.names():
                readers[source] = readers.get(source, 0) + 1
    return readers
