"""The graph of an nnet3 network: named nodes, and the components they use.

Source: src/nnet3/nnet-nnet.cc.
"""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps_py.errors import KaldiError, did_you_mean
from steps_py.nnet3.component_config import configure_component
from steps_py.nnet3.config_lines import is_name
from steps_py.nnet3.descriptors import Term, parse

if TYPE_CHECKING:
    from steps_py.nnet3.config_lines import ConfigLine


@dataclass(frozen=True)
class InputNode:
    dim: int

    def names(self) -> list:
        return []


@dataclass(frozen=True)
class ComponentNode:
    component: str
    input: Term

    def names(self) -> list[str]:
        return self.input.names()


@dataclass(frozen=True)
class DimRangeNode:
    """Some dimensions of another node."""

    source: str
    dim_offset: int
    dim: int

    def names(self) -> list[str]:
        return [self.source]


@dataclass(frozen=True)
class OutputNode:
    input: Term
    objective: str = "linear"

    def names(self) -> list[str]:
        return self.input.names()


class Network:
    """Nodes and components, both by name and in the order of the file.

    `where` names the network in messages.
    """

    def __init__(self, nodes: dict, components: dict, where: str = "network"):
        self.nodes, self.components, self.where = nodes, components, where

    @classmethod
    def from_lines(
        cls, lines: "list[ConfigLine]", components: dict, where: str = "network"
    ) -> "Network":
        """The network of ConfigLines and components, checked.

        Raises
        ------
        KaldiError
            If nodes are missing or dimensions do not fit.
        """
        network = cls({}, components, where)
        network.configure(lines)
        return network

    def fail(self, problem: str):
        raise KaldiError(f"{self.where}: {problem}")

    def configure(self, lines: "list[ConfigLine]") -> None:
        """Add nodes and components, or replace those of the same name; then `check`."""
        given, added = {}, set()
        for line in lines:
            name = line.take("name")
            if not is_name(name):
                line.fail(f"'{name[:60]}' is no name of a node or component")
            if line.first == "component":
                if name in added:
                    line.fail(f"component '{name}' appears twice")
                added.add(name)
                self.components[name] = configure_component(line)
            elif name in given:
                line.fail(f"node '{name}' appears twice")
            else:
                given[name] = line
        kept = {name: node for name, node in self.nodes.items() if name not in given}
        kinds = {name: type(node) for name, node in kept.items()}
        for name, line in given.items():
            if line.first not in _NODES:
                first = line.first[:60]
                line.fail(f"'{first}' begins no line. {did_you_mean(first, _NODES)}")
            kinds[name] = _NODES[line.first][0]
        known = {name for name, kind in kinds.items() if kind is not OutputNode}
        self.nodes = kept
        for name, line in given.items():
            self.nodes[name] = _NODES[line.first][1](line, known, self.components)
            line.finish()
        self.check()

    def check(self) -> None:
        """Raise KaldiError unless nodes exist and dimensions fit."""
        kinds = [type(node) for node in self.nodes.values()]
        if InputNode not in kinds or OutputNode not in kinds:
            self.fail("a network needs an input-node and an output-node.")
        for name, node in self.nodes.items():
            for source in node.names():
                if type(self.nodes.get(source)) not in (InputNode, ComponentNode, DimRangeNode):
                    self.fail(f"node '{name}' reads '{source}', which is no such node.")
            if isinstance(node, DimRangeNode):
                have = self.dim(node.source)
                if not 0 <= node.dim_offset < node.dim_offset + node.dim <= have:
                    last = node.dim_offset + node.dim
                    self.fail(f"node '{name}': dimensions {node.dim_offset} to {last} of {have}.")
            elif isinstance(node, ComponentNode):
                have, want = self.term_dim(node.input, name), self.component(node).input_dim
                if have != want:
                    self.fail(
                        f"node '{name}': its input '{str(node.input)[:100]}' has {have} dimensions,"
                        f" component '{node.component}' takes {want}."
                    )
            elif isinstance(node, OutputNode):
                self.term_dim(node.input, name)

    def component(self, node: ComponentNode):
        """The component of a ComponentNode."""
        return self.components[node.component]

    def dim(self, name: str) -> int:
        """The dimension of what the node called `name` gives."""
        node = self.nodes[name]
        if isinstance(node, ComponentNode):
            return self.component(node).output_dim
        return self.term_dim(node.input, name) if isinstance(node, OutputNode) else node.dim

    def term_dim(self, term: Term, where: str = "") -> int:
        """The dimension of a descriptor."""
        if term.kind == "node":
            return self.dim(term.values[0])
        if term.kind == "Const":
            return term.values[1]
        dims = [self.term_dim(inner, where) for inner in term.terms]
        if term.kind == "Append":
            return sum(dims)
        if len(set(dims)) > 1:
            self.fail(f"node '{where}': {term.kind} of {dims[0]} and {dims[1]} dimensions.")
        return dims[0]

    def inputs(self):
        """{name: dimension} of the input nodes."""
        return {n: node.dim for n, node in self.nodes.items() if isinstance(node, InputNode)}

    def outputs(self) -> list[str]:
        """The names of the output nodes."""
        return [name for name, node in self.nodes.items() if isinstance(node, OutputNode)]

    def lines(self, with_dims: bool = False) -> list[str]:
        """The graph as config lines; with dimensions, as nnet3-info shows it."""
        return [self._line(name, node, with_dims) for name, node in self.nodes.items()]

    def _line(self, name, node, with_dims):
        if isinstance(node, InputNode):
            return f"input-node name={name} dim={node.dim}"
        if isinstance(node, DimRangeNode):
            return (
                f"dim-range-node name={name} input-node={node.source}"
                f" dim-offset={node.dim_offset} dim={node.dim}"
            )
        if isinstance(node, OutputNode):
            dim = f" dim={self.dim(name)}" if with_dims else ""
            return f"output-node name={name} input={node.input}{dim} objective={node.objective}"
        dims = ""
        if with_dims:
            dims = f" input-dim={self.term_dim(node.input)} output-dim={self.dim(name)}"
        return f"component-node name={name} component={node.component} input={node.input}{dims}"

    def orphans(self):
        """The nodes on which no output depends."""
        needed, queue = set(), self.outputs()
        while queue:
            name = queue.pop()
            if name not in needed:
                needed.add(name)
                queue += self.nodes[name].names()
        return [name for name in self.nodes if name not in needed]

    def orphan_components(self):
        """The components that no node uses."""
        used = {n.component for n in self.nodes.values() if isinstance(n, ComponentNode)}
        return [name for name in self.components if name not in used]

    def rename(self, old, new) -> None:
        """Give a node another name, also where it is read; it keeps its place."""
        nodes = {}
        for name, node in self.nodes.items():
            if isinstance(node, DimRangeNode) and node.source == old:
                node = dataclasses.replace(node, source=new)
            elif isinstance(node, ComponentNode | OutputNode):
                node = dataclasses.replace(node, input=node.input.renamed(old, new))
            nodes[new if name == old else name] = node
        self.nodes = nodes


def _input_node(line, known, components):
    dim = line.take("dim", int)
    if dim <= 0:
        line.fail(f"dim={dim} is not positive")
    return InputNode(dim)


def _component_node(line, known, components):
    component = line.take("component")
    if component not in components:
        line.fail(f"no component is called '{component}'")
    return ComponentNode(component, parse(line.take("input"), known, line.where))


def _dim_range_node(line, known, components):
    return DimRangeNode(
        line.take("input-node"), line.take("dim-offset", int), line.take("dim", int)
    )


def _output_node(line, known, components):
    objective = line.take("objective", default="linear")
    if objective not in ("linear", "quadratic"):
        line.fail(f"objective={objective} is neither linear nor quadratic")
    return OutputNode(parse(line.take("input"), known, line.where), objective)


_NODES = {
    "input-node": (InputNode, _input_node),
    "component-node": (ComponentNode, _component_node),
    "dim-range-node": (DimRangeNode, _dim_range_node),
    "output-node": (OutputNode, _output_node),
}
