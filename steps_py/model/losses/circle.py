"""Circle loss.

Shape suffixes: A batch of all processes, E embedding; the axes of (A, A) are an anchor and
another utterance.

Reference: Y. Sun et al., "Circle loss: A unified perspective of pair similarity optimization",
CVPR 2020, equations (6) to (8).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from steps_py.model.distances import cosine_distance, pairs_of
from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import setting


@LOSSES.register("circle")
class Circle(MetricLoss):
    r"""Each anchor's similarities to its positives above those to its negatives.

    .. math:: L_i = \log\Bigl(1 + \sum_{n} e^{\gamma \max(0, s_{in} + m)(s_{in} - m)}
                    \sum_{p} e^{-\gamma \max(0, 1 + m - s_{ip})(s_{ip} - 1 + m)}\Bigr)

    s are cosines, and the factors max(0, .) have no gradient.  The loss is the mean over
    anchors with positives and negatives; 0 if there are none.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        margin: float = 0.4
        scale: float = setting(80.0, exclusiveMinimum=0)

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.margin, self.scale = config.margin, config.scale

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        cos_AA = 1 - cosine_distance(embedding_AE)
        fixed_AA = cos_AA.detach()
        positive_AA, negative_AA = pairs_of(spk_id_A)
        pull_AA = -F.relu(1 + self.margin - fixed_AA) * (cos_AA - 1 + self.margin)
        push_AA = F.relu(fixed_AA + self.margin) * (cos_AA - self.margin)
        exponent_A = sum(
            (self.scale * x_AA).masked_fill(~pair_AA, -1e9).logsumexp(dim=1)
            for x_AA, pair_AA in ((pull_AA, positive_AA), (push_AA, negative_AA))
        )
        counts_A = positive_AA.any(dim=1) & negative_AA.any(dim=1)
        loss_A = F.softplus(exponent_A).masked_fill(~counts_A, 0)
        return loss_A.sum() / counts_A.sum().clamp(min=1)
