"""Edits of a network by nnet3-copy: learning rates, scales, test mode, and edit lines.

Source: src/nnet3/nnet-utils.cc, ReadEditConfig; EDITS is the list of directives.
"""

import fnmatch
import re

import numpy as np

from steps_py.errors import did_you_mean
from steps_py.formats.log import log
from steps_py.nnet3.components import (
    AffineComponent,
    BatchNormComponent,
    DropoutComponent,
    FixedAffineComponent,
    GeneralDropoutComponent,
)
from steps_py.nnet3.network import InputNode

_DROPOUTS = (DropoutComponent, GeneralDropoutComponent)


def edit(network, lines) -> None:
    """Apply the directives in the ConfigLines `lines` in order; KaldiError if one is invalid."""
    for line in lines:
        if line.first not in EDITS:
            hint = did_you_mean(line.first, EDITS).rstrip(".")
            line.fail(f"'{line.first}' is no edit that is built in. {hint}")
        EDITS[line.first](network, line)
        line.finish()


def set_learning_rate(network, learning_rate: float, pattern: str = "*") -> int:
    """Set the rate of the trained components whose names match; how many did."""
    chosen = [c for c in _matching(network, pattern) if c.updatable]
    for component in chosen:
        component.learning_rate = _float32(learning_rate * component.learning_rate_factor)
    return len(chosen)


def scale(network, factor) -> None:
    """Multiply the parameters, and the counts of statistics, by `factor`."""
    for component in network.components.values():
        component.__dict__.update(component.scaled(factor))


def set_batch_norm_test_mode(network, test_mode: bool) -> None:
    """Kaldi writes this flag into every batch norm; what we compute is always test mode."""
    for component in network.components.values():
        if isinstance(component, BatchNormComponent):
            component.test_mode = test_mode


def prepare_for_test(network) -> None:
    """Test mode everywhere, and nothing that no output needs.

    Kaldi also merges an affine component with an affine one right before it; here they stay,
    and the network computes the same.
    """
    set_batch_norm_test_mode(network, True)
    for component in network.components.values():
        if isinstance(component, _DROPOUTS):
            component.test_mode = True
    remove_orphan_nodes(network)
    remove_orphan_components(network)


def remove_orphan_nodes(network, inputs_too: bool = False) -> None:
    """Remove the nodes on which no output depends; input nodes only if `inputs_too`."""
    orphans = network.orphans()
    if not inputs_too:
        orphans = [name for name in orphans if not isinstance(network.nodes[name], InputNode)]
    for name in orphans:
        del network.nodes[name]
    log(f"Removed {len(orphans)} orphan nodes.")
    network.check()


def remove_orphan_components(network) -> None:
    """Remove the components that no node uses."""
    orphans = network.orphan_components()
    log(f"Removing {len(orphans)} orphan components.")
    for name in orphans:
        del network.components[name]


def _float32(value):
    """The nearest float32, as on file."""
    return float(np.float32(value))


def _matching(network, pattern):
    match = _matcher(pattern)
    return [c for name, c in network.components.items() if match(name)]


def _matcher(pattern):
    """A matcher of Kaldi's patterns, in which only * is special."""
    escaped = re.sub(r"([\[?])", r"[\1]", pattern)
    return re.compile(fnmatch.translate(escaped)).match


def _set_learning_rate(network, line):
    pattern = line.take("name", default="*")
    count = set_learning_rate(network, line.take("learning-rate", float), pattern)
    log(f"Set learning rates for {count} components.")


def _set_learning_rate_factor(network, line):
    pattern, factor = line.take("name", default="*"), line.take("learning-rate-factor", float)
    chosen = [c for c in _matching(network, pattern) if c.updatable]
    for component in chosen:
        component.learning_rate_factor = _float32(factor)
    log(f"Set learning rate factors for {len(chosen)} components.")


def _set_dropout_proportion(network, line):
    pattern, proportion = line.take("name", default="*"), line.take("proportion", float)
    chosen = [c for c in _matching(network, pattern) if isinstance(c, _DROPOUTS)]
    for component in chosen:
        component.dropout_proportion = _float32(proportion)
    log(f"Set dropout proportions for {len(chosen)} components.")


def _convert_to_fixed_affine(network, line):
    match = _matcher(line.take("name", default="*"))
    changed = 0
    for name, component in network.components.items():
        if match(name) and isinstance(component, AffineComponent) and "Affine" in component.type:
            weight_OI, bias_O = component.affine()
            fixed = FixedAffineComponent(linear_params=weight_OI, bias_params=bias_O)
            network.components[name] = fixed
            changed += 1
    log(f"Converted {changed} components to FixedAffineComponent.")


def _remove_orphans(network, line):
    remove_orphan_nodes(network, line.take("remove-orphan-inputs", bool, False))
    remove_orphan_components(network)


def _remove_orphan_nodes(network, line):
    remove_orphan_nodes(network, line.take("remove-orphan-inputs", bool, False))


def _remove_orphan_components(network, line):
    remove_orphan_components(network)


def _rename_node(network, line):
    old, new = line.take("old-name"), line.take("new-name")
    if old not in network.nodes:
        line.fail(f"no node is called '{old}'. {did_you_mean(old, network.nodes).rstrip('.')}")
    if new in network.nodes:
        line.fail(f"a node is called '{new}' already")
    network.rename(old, new)


def _remove_output_nodes(network, line):
    match = _matcher(line.take("name"))
    gone = [name for name in network.outputs() if match(name)]
    log(f"Removing {len(gone)} output nodes.")
    if len(gone) == len(network.outputs()):
        line.fail("all outputs would be removed")
    for name in gone:
        del network.nodes[name]


EDITS = {
    "convert-to-fixed-affine": _convert_to_fixed_affine,
    "remove-orphan-components": _remove_orphan_components,
    "remove-orphan-nodes": _remove_orphan_nodes,
    "remove-orphans": _remove_orphans,
    "remove-output-nodes": _remove_output_nodes,
    "rename-node": _rename_node,
    "set-dropout-proportion": _set_dropout_proportion,
    "set-learning-rate": _set_learning_rate,
    "set-learning-rate-factor": _set_learning_rate_factor,
}
