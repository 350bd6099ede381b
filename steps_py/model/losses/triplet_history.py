"""Triplet loss with the hardest utterances of the last batches.

Shape suffixes: A batch of all processes, E embedding, M utterances of the history.

References: C. Li et al., "Deep Speaker: an end-to-end neural speaker embedding system",
arXiv:1705.02304, 2017, section 2.5, whose public code mines in a history of embeddings; X. Wang et
al., "Cross-batch memory for embedding learning", CVPR 2020, for gradients through the batch alone.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F

from steps_py.model.distances import DISTANCES, pairs_of
from steps_py.model.loss import MetricLoss
from steps_py.model.losses.triplet import mine_hardest
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import Count, setting

EMPTY = -1.0  # speaker of an empty row of the history


@LOSSES.register("triplet_history")
class TripletHistory(MetricLoss):
    r"""Mean over utterances of :math:`\max(0, d_{ap} - d_{an} + m)` with the hardest p and n.

    Positive and negative are searched among the batch and the last `history_utts` utterances of
    earlier batches.  Their embeddings are those of the network at that time, and have no gradient.
    Before `history_start_epoch`, while the network changes fast, the batch alone is searched.

    The history is a part of the state of the loss, so that a resumed training finds the same
    triplets.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        margin: float = setting(0.3, minimum=0)
        distance: Literal["euclidean", "squared", "cosine"] = "cosine"
        normalize: bool = setting(True, "compare unit vectors")
        history_utts: Count = setting(2560, "utterances")
        history_start_epoch: float = setting(0.0, minimum=0)

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        self.config, self.is_late = config, True
        # The last column is the speaker.  In one tensor, so that the two always belong together.
        history = torch.full((config.history_utts, in_dim + 1), EMPTY)
        self.register_buffer("history_ME", history)
        self.register_buffer("next_row", torch.zeros((), dtype=torch.int64))

    def set_epoch(self, epoch: float) -> None:
        """Search the history or not at `epoch`."""
        self.is_late = epoch >= self.config.history_start_epoch

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        if self.config.normalize:
            embedding_AE = F.normalize(embedding_AE)
        old_ME = self.history_ME.to(embedding_AE.dtype, copy=True)  # it changes before the gradient
        if not self.is_late:
            old_ME = old_ME[:0]
        if self.training:
            self._remember(embedding_AE.detach(), spk_id_A)
        all_XE = torch.cat([embedding_AE, old_ME[:, :-1]])
        spk_id_X = torch.cat([spk_id_A, old_ME[:, -1].long()])
        num = len(embedding_AE)
        distance_XX = DISTANCES[self.config.distance](all_XE)
        positive_XX, negative_XX = pairs_of(spk_id_X)
        negative_XX = negative_XX & (spk_id_X != EMPTY)
        d_ap_A, d_an_A, exists_A = mine_hardest(
            distance_XX[:num], positive_XX[:num], negative_XX[:num], self.config.margin
        )
        loss_A = F.relu(d_ap_A - d_an_A + self.config.margin).masked_fill(~exists_A, 0)
        return loss_A.sum() / exists_A.sum().clamp(min=1)

    def _remember(self, embedding_AE, spk_id_A):
        """Overwrite the oldest rows; an embedding that is not finite leaves an empty row."""
        rows_A = (self.next_row + torch.arange(len(spk_id_A), device=spk_id_A.device)) % len(
            self.history_ME
        )
        new_AE = torch.cat([embedding_AE, spk_id_A[:, None].to(embedding_AE.dtype)], dim=1)
        finite_A1 = embedding_AE.isfinite().all(dim=1, keepdim=True)
        new_AE = torch.where(finite_A1, new_AE, EMPTY).to(self.history_ME.dtype)
        keep = slice(max(0, len(rows_A) - len(self.history_ME)), None)  # a batch can be larger
        self.history_ME[rows_A[keep]] = new_AE[keep]
        self.next_row.copy_((self.next_row + len(rows_A)) % len(self.history_ME))
