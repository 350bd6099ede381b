"""No loss on the speakers: for trainings whose objectives are all that is trained on.

Shape suffixes: B batch, E embedding.
"""

from dataclasses import dataclass

import torch

from steps_py.model.loss import Loss
from steps_py.model.registries import LOSSES


@LOSSES.register("none")
class NoLoss(Loss):
    """Zero for any embeddings and speakers.

    >>> loss, logits = NoLoss(NoLoss.Config(), in_dim=2, num_speakers=3)(
    ...     torch.ones(4, 2), torch.zeros(4, dtype=torch.int64)
    ... )
    >>> loss, logits is None
    (tensor(0.), True)
    """

    classifies = False

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()

    def forward(
        self, embedding_BE: torch.Tensor, spk_id_B: torch.Tensor
    ) -> tuple[torch.Tensor, None]:
        """Zero, and no logits."""
        return 0 * embedding_BE.sum(), None
