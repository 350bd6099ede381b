"""FullGrad.

Shape suffixes: B batch, T frames, D feature dimension, E embedding, C channels, t and f frames and
frequencies of a layer.
"""

import torch

from steps_py.attribution.layers import layouts, leaf_names, recorded_calls
from steps_py.attribution.methods.base import METHODS, Attribution, Method, completeness

_FLOOR = 1e-6
_AFFINE = 1e-3  # of the output: a module is affine if doubling its input shows no more curvature


@METHODS.register("fullgrad")
class FullGrad(Method):
    """Gradient times input, and bias times gradient of all layers; absolute values, scaled.

    The bias of an affine layer is its output for an input of zeros: that of batch norm includes
    its means, folded.  For networks of rectified units the sums of both and the constant of the
    back-end's linear expansion add up to the score; the gap, which other nonlinear operations
    (attention, sigmoid gates) leave, is in the facts.

    S. Srinivas and F. Fleuret, "Full-gradient representation for neural network visualization",
    NeurIPS 2019.
    """

    def attribute(self, explained):
        spans = explained.spans()
        x_1TD = explained.x_TD[None].clone().requires_grad_()
        with recorded_calls(explained.network, leaf_names(explained.network)) as calls:
            vectors_1E = explained.vectors(x_1TD)
        score = explained.head(vectors_1E).sum()
        (slope_1E,) = torch.autograd.grad(score, vectors_1E, retain_graph=True)
        value = float(score.detach())
        constant = value - float((slope_1E * vectors_1E).detach().double().sum())
        biases = [_bias_of(call) for call in calls]
        kept = [k for k, bias in enumerate(biases) if bias is not None]
        gradient_1TD, *gradients = torch.autograd.grad(
            score, [x_1TD, *(calls[k].output for k in kept)], allow_unused=True
        )
        terms = {
            k: biases[k] * gradient
            for k, gradient in zip(kept, gradients, strict=True)
            if gradient is not None
        }
        input_TD = (x_1TD * gradient_1TD).detach()[0]
        bias_sum = sum(float(term.double().sum()) for term in terms.values())
        found = float(input_TD.double().sum()) + bias_sum + constant
        facts = {
            "input_sum": float(input_TD.double().sum()),
            "bias_sum": bias_sum,
            "backend_constant": constant,
            **completeness(found, value),
        }
        map_TD = _scaled(input_TD) + self._of_layers(explained, calls, terms, spans)
        return Attribution(map_TD, facts)

    def _of_layers(self, explained, calls, terms, spans):
        """The scaled terms of all layers with a time axis, on the frames of the input."""
        names = dict.fromkeys(calls[k].name for k in terms)
        layout_of = layouts(explained.network, explained.first_input(), names)
        total_TD, seen = torch.zeros_like(explained.x_TD), {}
        num_calls = {name: sum(call.name == name for call in calls) for name in layout_of}
        for k, call in enumerate(calls):
            number = seen[call.name] = seen.get(call.name, -1) + 1
            if k not in terms or call.name not in layout_of:
                continue
            span = spans[number * len(spans) // num_calls[call.name]]
            layout, dim = layout_of[call.name], total_TD.shape[1]
            plane_Ctf = layout.plane(_scaled(terms[k]))
            map_CTD = layout.on_frames(plane_Ctf, span.length, dim, corners=True)
            total_TD[span.start : span.end] += span.without_padding(map_CTD.sum(dim=0))
        return total_TD


def _scaled(values):
    """Absolute values from 0 to 1."""
    values = values.abs()
    low = values.min()
    return (values - low) / (values.max() - low + _FLOOR)


def _bias_of(call):
    """The output of an affine module for zeros; None if it is not affine, or has no bias."""
    if not call.args or not isinstance(call.args[0], torch.Tensor):
        return None
    first, *others = call.args
    with torch.no_grad():

        def output(factor):
            found = call.module.forward(factor * first, *others, **call.kwargs)
            return found[0] if isinstance(found, tuple) else found

        zero, double = output(0), output(2)
        if zero.shape != call.output.shape or not bool(zero.any()):
            return None
        curvature = (double - 2 * call.output + zero).abs().max()
        scale = double.abs().max() + zero.abs().max()
        return zero if curvature <= _AFFINE * scale else None
