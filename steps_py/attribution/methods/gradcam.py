"""Grad-CAM.

Shape suffixes: T frames, D feature dimension, C channels, t and f frames and frequencies of a
layer.
"""

from dataclasses import dataclass

import torch

from steps_py.attribution.layers import named_layer, recorded_calls
from steps_py.attribution.methods.base import METHODS, Attribution, Method
from steps_py.settings.declare import setting


@METHODS.register("gradcam")
class GradCam(Method):
    """The channels of a layer, weighted by their mean gradients; what is negative becomes 0.

    R. R. Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based
    localization", ICCV 2017.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        layer: str | None = setting(
            None, "name of a module; null: the last one of the encoder with a time axis"
        )
        signed: bool = setting(False, "keep what is negative")

    def attribute(self, explained):
        network, spans = explained.network, explained.spans()
        name, layout = named_layer(network, explained.first_input(), self.config.layer)
        with recorded_calls(network, [name]) as calls:
            score = explained.score(explained.x_TD[None].clone().requires_grad_()).sum()
        calls = calls[len(calls) // len(spans) - 1 :: len(calls) // len(spans)]
        gradients = torch.autograd.grad(score, [call.output for call in calls])
        parts = []
        for span, call, gradient in zip(spans, calls, gradients, strict=True):
            plane_tf = self.plane(layout.plane(call.output.detach()), layout.plane(gradient))
            if not self.config.signed:
                plane_tf = plane_tf.clamp(min=0)
            map_TD = layout.on_frames(plane_tf[None], span.length, explained.x_TD.shape[1])[0]
            parts.append(span.without_padding(map_TD))
        facts = {"layer": name}
        if layout.frequency_axis is None:
            facts["resolution"] = "the layer has no frequency axis: one value for each frame"
        map_TD = torch.cat(parts)
        if not bool(map_TD.any()):
            facts["empty"] = "nothing of the map is above 0: use signed: true or another layer"
        return Attribution(map_TD, facts)

    def plane(self, values_Ctf, gradient_Ctf):
        """The map (t, f) of the layer's output (C, t, f) and the gradient by it."""
        return (gradient_Ctf.mean(dim=(1, 2), keepdim=True) * values_Ctf).sum(dim=0)
