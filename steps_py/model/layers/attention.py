"""Attention of several heads over the real frames of an utterance.

Shape suffixes: B batch, T frames, C channels, H heads, K channels of a head, R distances.

References: A. Vaswani et al., "Attention is all you need", NeurIPS 2017, sections 3.2 and 3.5;
Z. Dai et al., "Transformer-XL: Attentive language models beyond a fixed-length context", ACL
2019, section 3.3 and appendix B; J. Su et al., "RoFormer: Enhanced transformer with rotary position
embedding", Neurocomputing 2024, section 3.2.2.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn


class MultiHeadAttention(nn.Module):
    """Each frame reads a weighted mean of all real frames, once for each head.

    >>> MultiHeadAttention(8, num_heads=2)(torch.zeros(3, 9, 8), None).shape
    torch.Size([3, 9, 8])
    """

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
        """Frames (B, T, C) -> frames; padding must be finite, and has no effect."""
        real = None if mask_BT is None else mask_BT[:, None, None]
        y_BHTK = F.scaled_dot_product_attention(*self._heads(x_BTC), attn_mask=real)
        return self.out(y_BHTK.transpose(1, 2).flatten(2))

    def _heads(self, x_BTC):
        """Queries, keys and values (B, H, T, K)."""
        return (
            layer(x_BTC).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )


class RelativeAttention(MultiHeadAttention):
    """Attention whose weights depend on the contents of two frames and on their distance.

    The weight of frame j for frame i is ``(q_i + u) k_j + (q_i + v) W r(i - j)``, with learned u
    and v of each head and sinusoids r of the distance.

    >>> RelativeAttention(8, num_heads=2)(torch.zeros(3, 9, 8), None).shape
    torch.Size([3, 9, 8])
    """

    def __init__(self, dim: int, num_heads: int):
        super().__init__(dim, num_heads)
        self.distance = nn.Linear(dim, dim, bias=False)
        shape = (num_heads, 1, dim // num_heads)
        self.content_bias = nn.Parameter(torch.zeros(shape))
        self.distance_bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
        """Frames (B, T, C) -> frames; padding must be finite, and has no effect."""
        num_frames, dim = x_BTC.shape[1:]
        query_BHTK, key_BHTK, value_BHTK = self._heads(x_BTC)
        distance_R = torch.arange(num_frames - 1, -num_frames, -1, device=x_BTC.device)
        code_RC = self.distance(sinusoids(distance_R, dim))
        code_HRK = code_RC.unflatten(1, (self.num_heads, -1)).transpose(0, 1)
        by_content_BHTT = (query_BHTK + self.content_bias) @ key_BHTK.mT
        by_distance_BHTT = distances_to_keys((query_BHTK + self.distance_bias) @ code_HRK.mT)
        logits_BHTT = (by_content_BHTT + by_distance_BHTT) / math.sqrt(query_BHTK.shape[3])
        if mask_BT is not None:
            logits_BHTT = logits_BHTT.masked_fill(~mask_BT[:, None, None], -torch.inf)
        y_BHTK = logits_BHTT.softmax(dim=3) @ value_BHTK
        return self.out(y_BHTK.transpose(1, 2).flatten(2))


class RotaryAttention(MultiHeadAttention):
    """Attention whose queries and keys are turned by an angle in proportion to their frame.

    A weight then depends on the contents of two frames and on their distance, without more
    weights.  The channels of a head are turned in pairs.

    >>> RotaryAttention(8, num_heads=2)(torch.zeros(3, 9, 8), None).shape
    torch.Size([3, 9, 8])
    """

    def _heads(self, x_BTC):
        query_BHTK, key_BHTK, value_BHTK = super()._heads(x_BTC)
        position_T = torch.arange(x_BTC.shape[1], device=x_BTC.device)
        code_TK = sinusoids(position_T, query_BHTK.shape[3]).to(x_BTC.dtype)
        return turn(query_BHTK, code_TK), turn(key_BHTK, code_TK), value_BHTK


def turn(x_BHTK: torch.Tensor, code_TK: torch.Tensor) -> torch.Tensor:
    """Pairs of channels turned by the angles whose sines and cosines are those of `sinusoids`.

    >>> turn(torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[1.0, 0.0]]))    # by 90 degrees
    tensor([[[[0., 1.]]]])
    """
    sin_TK, cos_TK = code_TK[:, ::2], code_TK[:, 1::2]
    first, second = x_BHTK[..., ::2], x_BHTK[..., 1::2]
    turned = [first * cos_TK - second * sin_TK, first * sin_TK + second * cos_TK]
    return torch.stack(turned, dim=-1).flatten(-2)


def sinusoids(position_T: torch.Tensor, dim: int) -> torch.Tensor:
    """Sines and cosines (T, C) of the positions at wavelengths from 2 pi to 20000 pi.

    >>> sinusoids(torch.tensor([0, 1]), 2)
    tensor([[0.0000, 1.0000],
            [0.8415, 0.5403]])
    """
    exponent = torch.arange(0, dim, 2, device=position_T.device) / dim
    angle_TC = position_T[:, None] * 10000.0**-exponent
    return torch.stack([angle_TC.sin(), angle_TC.cos()], dim=2).flatten(1)


def distances_to_keys(x_BHTR: torch.Tensor) -> torch.Tensor:
    """Values for the distances T - 1 to 1 - T of a frame's keys -> values for its keys (T, T).

    Key j of frame i is at the distance i - j.

    >>> distances_to_keys(torch.tensor([[[[1, 0, -1], [1, 0, -1]]]]))
    tensor([[[[ 0, -1],
              [ 1,  0]]]])
    """
    num_frames = x_BHTR.shape[2]
    frame_T = torch.arange(num_frames, device=x_BHTR.device)
    column_TT = num_frames - 1 - (frame_T[:, None] - frame_T)
    return x_BHTR[:, :, frame_T[:, None], column_TT]


class AttentionLayer(MultiHeadAttention):
    """Attention and two affines, each added to its input and then normalised.

    >>> AttentionLayer(8, num_heads=2, hidden_dim=16)(torch.zeros(3, 9, 8), None).shape
    torch.Size([3, 9, 8])
    """

    def __init__(
        self,
        dim: int,
        *,
        num_heads: int,
        hidden_dim: int,
        activation: Callable[[torch.Tensor], torch.Tensor] = F.relu,
    ):
        super().__init__(dim, num_heads)
        self.widen, self.narrow = nn.Linear(dim, hidden_dim), nn.Linear(hidden_dim, dim)
        self.norm, self.last_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.activation = activation

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
        """Frames (B, T, C) -> frames; padding must be finite, and has no effect."""
        x_BTC = self.norm(x_BTC + super().forward(x_BTC, mask_BT))
        return self.last_norm(x_BTC + self.narrow(self.activation(self.widen(x_BTC))))
