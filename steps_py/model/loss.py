"""What all losses have in common.

Shape suffixes: B batch, A batch of all processes, E embedding, S speakers.
"""

import torch
from torch import nn

from steps_py.model.all_gather import gather_embeddings, gather_labels


class Loss(nn.Module):
    """``forward(embedding_BE, spk_id_B) -> (loss, logits)``.

    A loss that classifies answers with logits (B, S) without margin, from which accuracy comes.
    A metric loss compares the embeddings of a batch with each other and has no logits: None.
    """

    compares = False  # utterances with each other; None: that depends on the config
    utts_per_speaker_needed = 1  # a metric loss learns nothing from fewer in a batch

    def set_epoch(self, epoch):
        """What grows with training, for a moment `epoch` in epochs since its start."""


class MetricLoss(Loss):
    """Compares the embeddings of a batch, in training those of all processes: see gather.py."""

    compares = True
    utts_per_speaker_needed = 2

    def compare(self, embedding_AE, spk_id_A):
        """The loss of float32 embeddings, from where in the batch the same speakers are."""
        raise NotImplementedError

    def forward(self, embedding_BE, spk_id_B):
        """The mean loss, and None for logits."""
        if self.training:
            embedding_BE, spk_id_B = gather_embeddings(embedding_BE), gather_labels(spk_id_B)
        with torch.autocast(embedding_BE.device.type, enabled=False):
            return self.compare(embedding_BE.float(), spk_id_B), None
