"""The output of nnet3-info: context, number of parameters, graph, and a line per component.

Sources: src/nnet3/nnet-nnet.cc (Nnet::Info), nnet-parse.cc (SummarizeVector,
PrintParameterStats), and the functions Info of the components.
"""

import math
from functools import singledispatch

import numpy as np

from steps_py.nnet3 import components as c
from steps_py.nnet3.plan import Plan
from steps_py.nnet3.program import build
from steps_py.nnet3.times import as_array

_PERCENTILES = ((0, 1, 2, 5), (10, 20, 50, 80, 90), (95, 98, 99, 100))
_SMALLEST_WINDOW, _LARGEST_WINDOW = 40, 800
_UNSET = -1000.0


def describe(network) -> str:
    """The text about a network, as nnet3-info prints it."""
    lines = []
    if "output" in network.outputs() and list(network.inputs()) == ["input"]:
        left, right = context(network)
        lines += [f"left-context: {left}", f"right-context: {right}"]
    parts = network.components.values()
    lines.append(f"num-parameters: {sum(p.num_parameters() for p in parts if p.updatable)}")
    lines.append(f"modulus: {modulus(network)}")
    lines += network.lines(with_dims=True)
    for name, component in network.components.items():
        lines.append(f"component name={name} type={component.type}, {summary(component)}")
    return "".join(f"{line}\n" for line in lines)


def context(network):
    """(left, right): the frames that the output needs before and after its own.

    Raises
    ------
    KaldiError
        If it needs more than any window that is tried.
    """
    steps, period = build(network, "output"), modulus(network)
    size = _SMALLEST_WINDOW
    while size < _LARGEST_WINDOW:
        found = [_context_of_window(steps, start, size) for start in range(period + 1)]
        if None not in found:
            return max(left for left, _ in found), max(right for _, right in found)
        size *= 2
    network.fail(f"its output cannot be computed from {_LARGEST_WINDOW} frames.")


def _context_of_window(steps, start, size):
    """The frames at the ends of a window at which there is no output; None if there is none."""
    there = as_array(Plan(steps, size, range(start, start + size), first_time=start).computable)
    if not len(there):
        return None
    gaps = np.flatnonzero(np.diff(there) > 1)
    last = there[gaps[0]] if len(gaps) else there[-1]
    return int(there[0]) - start, start + size - 1 - int(last)


def modulus(network):
    """By how many frames the input must be shifted to have the output shifted alike."""
    terms = [node.input for node in network.nodes.values() if hasattr(node, "input")]
    return math.lcm(1, *(_term_modulus(term) for term in terms))


def _term_modulus(term):
    own = {"Round": term.values[:1], "Switch": (len(term.terms),)}.get(term.kind, ())
    return math.lcm(1, *own, *(_term_modulus(inner) for inner in term.terms))


@singledispatch
def summary(component) -> str:
    """The description of a component after its type."""
    return f"input-dim={component.input_dim}, output-dim={component.output_dim}"


def _updatable(component):
    text = f"input-dim={component.input_dim}, output-dim={component.output_dim}"
    text += f", learning-rate={component.learning_rate:g}"
    text += ", is-gradient=true" if component.is_gradient else ""
    for name, usual in (("l2_regularize", 0), ("learning_rate_factor", 1), ("max_change", 0)):
        value = getattr(component, name)
        text += f", {name.replace('_', '-')}={value:g}" if value != usual else ""
    return text


@summary.register
def _(component: c.AffineComponent):
    text = _updatable(component) + _orthonormal(component)
    text += _matrix("linear-params", component.linear_params, norms=True)
    return text + _mean_and_stddev("bias", component.bias_params)


@summary.register
def _(component: c.NaturalGradientAffineComponent):
    text = summary.dispatch(c.AffineComponent)(component)
    text += f", rank-in={component.rank_in}, rank-out={component.rank_out}"
    text += f", num-samples-history={component.num_samples_history:g}"
    return text + f", update-period={component.update_period}, alpha={component.alpha:g}"


@summary.register
def _(component: c.FixedAffineComponent):
    text = f"input-dim={component.input_dim}, output-dim={component.output_dim}"
    text += _matrix("linear-params", component.linear_params, norms=False)
    return text + _mean_and_stddev("bias", component.bias_params)


@summary.register
def _(component: c.LinearComponent):
    text = _updatable(component) + _matrix("params", component.linear_params, norms=True)
    text += _orthonormal(component)
    text += f", use-natural-gradient={_bool(component.use_natural_gradient)}"
    text += f", rank-in={component.rank_in}, rank-out={component.rank_out}"
    text += f", num-samples-history={component.num_samples_history:g}"
    return text + f", update-period={component.update_period}, alpha={component.alpha:g}"


@summary.register
def _(component: c.NonlinearComponent):
    text = f"dim={component.dim}"
    if component.block_dim not in (None, component.dim):
        text += f", block-dim={component.block_dim}"
    for name in ("self_repair_lower_threshold", "self_repair_upper_threshold"):
        value = getattr(component, name)
        if value not in (None, _UNSET):
            text += f", {name.replace('_', '-')}={value:g}"
    if component.self_repair_scale:
        text += f", self-repair-scale={component.self_repair_scale:g}"
    if component.count > 0 and len(component.value_avg) == component.dim:
        processed = component.num_dims_processed
        proportion = component.num_dims_self_repaired / processed if processed > 0 else 0
        text += f", count={component.count:.3g}, self-repaired-proportion={proportion:g}"
        text += f", value-avg={summarize(component.value_avg)}"
        if len(component.deriv_avg) == component.dim:
            text += f", deriv-avg={summarize(component.deriv_avg)}"
    if component.oderiv_count > 0 and len(component.oderiv_rms) == component.dim:
        text += f", oderiv-rms={summarize(component.oderiv_rms)}"
        text += f", oderiv-count={component.oderiv_count:g}"
    return text


@summary.register
def _(component: c.BatchNormComponent):
    text = f"dim={component.dim}, block-dim={component.block_dim}, epsilon={component.epsilon:g}"
    text += f", target-rms={component.target_rms:g}, count={component.count:g}"
    text += f", test-mode={_bool(component.test_mode)}"
    if component.count > 0:
        mean, stddev = _from_sums(component)
        text += f", data-mean={summarize(mean)}, data-stddev={summarize(stddev)}"
    return text


def _from_sums(component):
    """Mean and deviation, rounded as those of Kaldi, which keeps sums: 0.295 is shown as 0.30."""
    mean_D = component.stats_mean.astype(np.float64)
    squares_D = component.stats_var.astype(np.float64) + mean_D**2
    each = np.float32(1 / component.count)
    mean_D, squares_D = (
        (x * component.count).astype(np.float32) * each for x in (mean_D, squares_D)
    )
    return mean_D, np.sqrt(np.maximum(squares_D - mean_D**2, 0))


@summary.register
def _(component: c.NormalizeComponent):
    text = f"input-dim={component.input_dim}, output-dim={component.output_dim}"
    text += f", target-rms={component.target_rms:g}"
    text += f", add-log-stddev={_bool(component.add_log_stddev)}"
    if component.block_dim not in (None, component.dim):
        text += f", block-dim={component.block_dim}"
    return text


@summary.register
def _(component: c.NoOpComponent):
    scale = component.backprop_scale
    return f"dim={component.dim}" + (f", backprop-scale={scale:g}" if scale != 1 else "")


@summary.register
def _(component: c.DropoutComponent):
    return (
        f"dim={component.dim}, dropout-proportion={component.dropout_proportion:g}"
        f", dropout-per-frame={_bool(component.dropout_per_frame)}"
    )


@summary.register
def _(component: c.GeneralDropoutComponent):
    text = f"dim={component.dim}, block-dim={component.block_dim}"
    text += f", dropout-proportion={component.dropout_proportion:g}"
    text += ", continuous=true" if component.continuous else ""
    if component.specaugment_max_proportion:
        text += f", specaugment-max-proportion={component.specaugment_max_proportion:g}"
        text += f", specaugment-max-regions={component.specaugment_max_regions}"
    return text + (f", time-period={component.time_period}" if component.time_period > 0 else "")


@summary.register
def _(component: c.FixedScaleComponent):
    dims = f"input-dim={component.input_dim}, output-dim={component.output_dim}"
    return dims + _mean_and_stddev("scales", component.scales)


@summary.register
def _(component: c.FixedBiasComponent):
    dims = f"input-dim={component.input_dim}, output-dim={component.output_dim}"
    return dims + _mean_and_stddev("bias", component.bias)


def _orthonormal(component):
    value = component.orthonormal_constraint
    return f", orthonormal-constraint={value:g}" if value else ""


def _bool(value):
    return "true" if value else "false"


def _matrix(name, x, norms):
    x = x.astype(np.float64)
    text = f", {name}-rms={np.sqrt(np.square(x).mean()):.4g}"
    if norms:
        text += f", {name}-row-norms={summarize(np.linalg.norm(x, axis=1))}"
        text += f", {name}-col-norms={summarize(np.linalg.norm(x, axis=0))}"
    return text


def _mean_and_stddev(name, x):
    x = x.astype(np.float64)
    return f", {name}-{{mean,stddev}}={x.mean():.4g},{x.std():.4g}"


def summarize(x):
    """A short vector itself; of a long one percentiles, mean and standard deviation.

    >>> summarize(np.array([0.5, 12.3, 2.0]))
    '[ 0.50 12 2.0 ]'
    """
    x = np.sort(x) if len(x) >= 10 else x
    if len(x) < 10:
        return "[ " + "".join(f"{_succinct(value)} " for value in x) + "]"
    labels = " ".join(",".join(map(str, group)) for group in _PERCENTILES)
    values = " ".join(
        ",".join(_succinct(x[(len(x) - 1) * percentile // 100]) for percentile in group)
        for group in _PERCENTILES
    )
    return f"[percentiles({labels})=({values}), mean={x.mean():.3g}, stddev={x.std():.3g}]"


def _succinct(value):
    size = abs(value)
    if 10 <= size < 10000:
        return f"{value:.0f}"
    if size >= 0.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.01 else f"{value:.1g}"
