"""A second way to compute nnet3 networks: frame by frame, by definition, in double precision.

It knows the rules of src/nnet3/nnet-computation-graph.cc and nothing of plans, folding or
batches: a value at (node, t) is computed from other values when asked for, or is None.
"""

import numpy as np

from steps_py.nnet3.network import ComponentNode, DimRangeNode, InputNode


class Oracle:
    def __init__(self, network, x_TD):
        self.network, self.x_TD, self.known = network, x_TD.astype(np.float64), {}

    def value(self, name, t):
        if (name, t) not in self.known:
            self.known[name, t] = self._node(self.network.nodes[name], t)
        return self.known[name, t]

    def _node(self, node, t):
        if isinstance(node, InputNode):
            return self.x_TD[t] if 0 <= t < len(self.x_TD) else None
        if isinstance(node, DimRangeNode):
            x = self.value(node.source, t)
            return None if x is None else x[node.dim_offset : node.dim_offset + node.dim]
        if not isinstance(node, ComponentNode):
            return self.term(node.input, t)
        component = self.network.components[node.component]
        kind = component.type
        if kind == "StatisticsExtractionComponent":
            start = t // component.output_period * component.output_period
            times = range(start, start + component.output_period, component.input_period)
            found = self._present(node.input, times)
            if not found:
                return None
            stats = [[len(found)], np.sum(found, axis=0)]
            return np.concatenate([*stats, np.sum(np.square(found), axis=0)])
        if kind == "StatisticsPoolingComponent":
            if t % component.input_period:
                return None
            last = t + component.right_context + 1
            times = range(t - component.left_context, last, component.input_period)
            found = self._present(node.input, times)
            return _pool(component, np.sum(found, axis=0)) if found else None
        x = self.term(node.input, t)
        return None if x is None else _FRAME[kind](component, x)

    def _present(self, term, times):
        found = [self.term(term, t) for t in times]
        return [x for x in found if x is not None]

    def term(self, term, t):
        inner = term.terms
        if term.kind == "node":
            return self.value(term.values[0], t)
        if term.kind == "Const":
            return np.full(term.values[1], term.values[0])
        if term.kind == "Offset":
            return self.term(inner[0], t + term.values[0])
        if term.kind == "Round":
            return self.term(inner[0], t - t % term.values[0])
        if term.kind == "ReplaceIndex":
            return self.term(inner[0], term.values[1])
        found = [self.term(part, t) for part in inner]
        if term.kind == "IfDefined":
            return np.zeros(self.network.term_dim(inner[0])) if found[0] is None else found[0]
        if term.kind == "Failover":
            return found[1] if found[0] is None else found[0]
        if any(x is None for x in found):
            return None
        if term.kind == "Scale":
            return term.values[0] * found[0]
        return np.concatenate(found) if term.kind == "Append" else sum(found)


def _pool(component, stats):
    count, moments = stats[0], stats[1:] / stats[0]
    mean, second = np.split(moments, 2)
    if component.output_stddevs:
        second = np.sqrt(np.maximum(second - mean**2, component.variance_floor))
    return np.concatenate([np.full(component.num_log_count_features, np.log(count)), mean, second])


def _affine(component, x):
    return component.linear_params.astype(np.float64) @ x + component.bias_params


def _norm(component, x):
    std = np.sqrt(component.stats_var.astype(np.float64) + component.epsilon)
    return component.target_rms * (x - component.stats_mean) / std


_FRAME = {
    "AffineComponent": _affine,
    "NaturalGradientAffineComponent": _affine,
    "FixedAffineComponent": _affine,
    "LinearComponent": lambda c, x: c.linear_params.astype(np.float64) @ x,
    "RectifiedLinearComponent": lambda c, x: x * (x > 0),
    "SigmoidComponent": lambda c, x: 1 / (1 + np.exp(-x)),
    "TanhComponent": lambda c, x: np.tanh(x),
    "SoftmaxComponent": lambda c, x: np.exp(x) / np.exp(x).sum(),
    "LogSoftmaxComponent": lambda c, x: x - np.log(np.exp(x).sum()),
    "BatchNormComponent": _norm,
    "NormalizeComponent": lambda c, x: c.target_rms * x / np.sqrt(np.mean(x**2)),
    "NoOpComponent": lambda c, x: x,
    "GeneralDropoutComponent": lambda c, x: x,
    "DropoutComponent": lambda c, x: x * (1 - c.dropout_proportion),
    "FixedScaleComponent": lambda c, x: x * c.scales,
    "FixedBiasComponent": lambda c, x: x + c.bias,
}
