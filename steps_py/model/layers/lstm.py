"""Long short-term memory over the real frames of an utterance.

Shape suffixes: B batch, T frames, D feature dimension, C channels.

References: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 1997;
A. Graves and J. Schmidhuber, "Framewise phoneme classification with bidirectional LSTM", Neural
Networks 2005.
"""

import torch
from torch import nn

from steps_py.model.precision import without_autocast


class MaskedLstm(nn.Module):
    """Layers of LSTM, each with dropout before the next; both directions side by side.

    The backward direction begins at the last real frame: it reads the real frames in reverse
    order, which is exact, and runs on any device.

    >>> MaskedLstm(3, 8, num_layers=2, bidirectional=True)(torch.zeros(2, 9, 3), None).shape
    torch.Size([2, 9, 16])
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dim: int,
        num_layers: int,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        num_directions = 2 if bidirectional else 1
        self.out_dim = hidden_dim * num_directions
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                nn.LSTM(self.out_dim if number else in_dim, hidden_dim, batch_first=True)
                for _ in range(num_directions)
            )
            for number in range(num_layers)
        )

    def forward(self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
        """Frames (B, T, D) -> frames (B, T, C); padding must be finite, and has no effect."""
        for number, (forward, *backward) in enumerate(self.layers):
            if number:
                x_BTD = self.dropout(x_BTD)
            outputs = [run(forward, x_BTD)]
            for lstm in backward:
                outputs.append(in_reverse(run(lstm, in_reverse(x_BTD, mask_BT)), mask_BT))
            x_BTD = torch.cat(outputs, dim=2)
        return x_BTD


def run(lstm: nn.LSTM, x_BTD: torch.Tensor) -> torch.Tensor:
    """The output at each frame, in float32: sums over time, and CPUs have no bf16 of all sizes."""
    with without_autocast(x_BTD):
        return lstm(x_BTD.float())[0]


def in_reverse(x_BTC: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
    """The real frames of each utterance in reverse order; padding stays where it is.

    >>> x_BTC = torch.tensor([[[1.0], [2.0], [3.0], [0.0]]])
    >>> in_reverse(x_BTC, torch.tensor([[True, True, True, False]])).flatten()
    tensor([3., 2., 1., 0.])
    """
    if mask_BT is None:
        return x_BTC.flip(1)
    frame_T = torch.arange(x_BTC.shape[1], device=x_BTC.device)
    source_BT = torch.where(mask_BT, mask_BT.sum(dim=1, keepdim=True) - 1 - frame_T, frame_T)
    return x_BTC.gather(1, source_BT[:, :, None].expand_as(x_BTC))
