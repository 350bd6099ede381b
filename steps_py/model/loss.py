"""What all losses have in common.

Shape suffixes: B batch, E embedding, S speakers.
"""

from torch import nn


class Loss(nn.Module):
    """``forward(embedding_BE, spk_id_B) -> (loss, logits)``.

    A loss that classifies answers with logits (B, S) without margin, from which accuracy comes.
    A metric loss compares the embeddings of a batch with each other and has no logits: None.
    """

    utts_per_speaker_needed = 1  # a metric loss learns nothing from fewer in a batch

    def set_epoch(self, epoch):
        """What grows with training, for a moment `epoch` in epochs since its start."""
