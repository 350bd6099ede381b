"""Base classes of losses.

Shape suffixes: B batch, A batch of all processes, E embedding, S speakers.
"""

import torch
from torch import nn

from steps_py.model.all_gather import gather_embeddings, gather_labels
from steps_py.model.precision import at_least_float32


class Loss(nn.Module):
    """A loss; subclasses are built as ``cls(config, in_dim, num_speakers)``.

    Attributes
    ----------
    classifies : bool
        Whether the loss returns logits over the speakers.
    compares : bool or None
        Whether utterances are compared with each other; None if it depends on the config.
    utts_per_speaker_needed : int
        Minimum number of utterances of a speaker in a batch.
    mixes : bool or None
        Whether `forward` has a third argument, a weight of each utterance, so that chunks can be
        mixed (``train.mix``); None if it depends on the config.
    chunks_to_start : int
        Number of chunks whose embeddings `start_from` needs; 0: it needs none.
    needs_start : bool
        Whether `start_from` is still to be called.
    """

    classifies: bool = True
    compares: bool | None = False
    mixes: bool | None = False
    utts_per_speaker_needed: int = 1
    chunks_to_start: int = 0
    needs_start: bool = False

    def start_from(self, embedding_NE: torch.Tensor, spk_id_N: torch.Tensor) -> None:
        """Estimate weights from embeddings, before the first step of a training."""

    def find_part(self, section: dict) -> "Loss | None":
        """The loss of that section within this one, or None."""

    def set_epoch(self, epoch: float) -> None:
        """Update margins for `epoch`, in epochs since the start of training."""

    def forward(
        self, embedding_BE: torch.Tensor, spk_id_B: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Mean loss of the batch, and logits (B, S) without margin, for the accuracy.

        Losses that compare embeddings and do not classify return None for the logits.
        """
        raise NotImplementedError


def weighted_mean(loss_B: torch.Tensor, weight_B: torch.Tensor | None) -> torch.Tensor:
    """Mean of ``weight * loss``; a weight of None is 1.

    >>> weighted_mean(torch.tensor([2.0, 4.0]), torch.tensor([0.5, 1.5]))
    tensor(3.5000)
    """
    return (loss_B if weight_B is None else weight_B * loss_B).mean()


class MetricLoss(Loss):
    """Compares the embeddings of a batch; in training, of all processes (see all_gather.py)."""

    classifies = False
    compares = True
    utts_per_speaker_needed = 2

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        """The loss of embeddings, float32 or float64, and their speakers."""
        raise NotImplementedError

    def forward(
        self, embedding_BE: torch.Tensor, spk_id_B: torch.Tensor
    ) -> tuple[torch.Tensor, None]:
        """Mean loss, and None for the logits."""
        if self.training:
            embedding_BE, spk_id_B = gather_embeddings(embedding_BE), gather_labels(spk_id_B)
        with torch.autocast(embedding_BE.device.type, enabled=False):
            return self.compare(at_least_float32(embedding_BE), spk_id_B), None


class EmbeddingLoss(Loss):
    """Mean over utterances of a function of the embedding and its speaker, without logits."""

    classifies = False
    mixes = True

    def measure(self, embedding_BE: torch.Tensor, spk_id_B: torch.Tensor) -> torch.Tensor:
        """The loss (B,) of each embedding, float32 or float64, and its speaker."""
        raise NotImplementedError

    def forward(
        self,
        embedding_BE: torch.Tensor,
        spk_id_B: torch.Tensor,
        weight_B: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, None]:
        """Mean loss, and None for the logits."""
        with torch.autocast(embedding_BE.device.type, enabled=False):
            loss_B = self.measure(at_least_float32(embedding_BE), spk_id_B)
            return weighted_mean(loss_B, weight_B), None
