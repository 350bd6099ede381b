"""Hyperbolic additive margin softmax (HAM).

Shape suffixes: B batch, E embedding, S speakers.

References: M. Nickel and D. Kiela, "Poincaré embeddings for learning hierarchical
representations", NeurIPS 2017, equation (1) for the distance; the margin as in F. Wang et al.,
"Additive margin softmax for face verification", IEEE Signal Processing Letters 25, 2018.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.cross_entropy import CrossEntropyConfig, cross_entropy
from steps_py.model.loss import Loss
from steps_py.model.margins import MarginSchedule, margin_at
from steps_py.model.precision import at_least_float32
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting

RIM = 1e-5  # distance from the edge of the ball that points keep


@LOSSES.register("hyperbolic_am_softmax")
class HyperbolicAmSoftmax(Loss):
    r"""Cross-entropy of distances from speakers in the unit ball, with a margin.

    .. math:: d(x, w) = \mathrm{arcosh}\Bigl(1 + \frac{2|x-w|^2}{(1-|x|^2)(1-|w|^2)}\Bigr), \qquad
              z_{is} = -\gamma\,\bigl(d(x_i, w_s) + m\,[s = y_i]\bigr)

    Embeddings and speakers longer than :math:`1/\sqrt{c}` are first shortened to it, with c =
    `curvature`.
    """

    mixes = True

    @dataclass(frozen=True, kw_only=True)
    class Config(CrossEntropyConfig, MarginSchedule):
        scale: float = setting(30.0, "gamma, factor of the distances", exclusiveMinimum=0)
        curvature: float = setting(1.0, "c; points are within 1 / sqrt(c)", minimum=1)

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.config, self.margin = config, config.margin
        self.radius = (1 - RIM) / config.curvature**0.5
        self.weight_SE = nn.Parameter(1e-3 * torch.randn(num_speakers, in_dim))

    def set_epoch(self, epoch: float) -> None:
        """Set the margin for `epoch`, in epochs since the start of training."""
        self.margin = margin_at(self.config, epoch)

    def forward(
        self,
        embedding_BE: torch.Tensor,
        spk_id_B: torch.Tensor,
        weight_B: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the batch, and logits (B, S) without margin."""
        with torch.autocast(embedding_BE.device.type, enabled=False):
            point_BE = shorten(at_least_float32(embedding_BE), self.radius)
            distance_BS = hyperbolic_distance(point_BE, shorten(self.weight_SE, self.radius))
            target_B1 = distance_BS.gather(1, spk_id_B[:, None]) + self.margin
            logits_BS = -self.config.scale * distance_BS.scatter(1, spk_id_B[:, None], target_B1)
            loss = cross_entropy(logits_BS, spk_id_B, self.config, weight_B)
        return loss, -self.config.scale * distance_BS


def shorten(x_BE: torch.Tensor, length: float) -> torch.Tensor:
    """Vectors longer than `length` scaled to it.

    >>> shorten(torch.tensor([[3.0, 4.0], [0.3, 0.0]]), 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.0000]])
    """
    own_B1 = x_BE.norm(dim=1, keepdim=True).clamp(min=1e-5)
    return x_BE * (length / own_B1).clamp(max=1)


def hyperbolic_distance(x_BE: torch.Tensor, y_SE: torch.Tensor) -> torch.Tensor:
    """Distances (B, S) of points of the unit ball in Poincaré's model.

    >>> hyperbolic_distance(torch.tensor([[0.5]]), torch.tensor([[0.0]])).round(decimals=3)
    tensor([[1.0990]])
    """
    square_BS = (x_BE[:, None] - y_SE).square().sum(dim=2)
    room_BS = (1 - x_BE.square().sum(dim=1))[:, None] * (1 - y_SE.square().sum(dim=1))
    # arcosh(1 + 2 z) = 2 arsinh(sqrt(z)); z away from 0, where the root has no finite slope
    return 2 * torch.asinh((square_BS / room_BS.clamp(min=RIM)).clamp(min=1e-12).sqrt())
