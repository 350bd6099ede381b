"""Factors of a matrix that training keeps semi-orthogonal.

Shape suffixes: B batch, T frames, C channels, R rows, N columns.

Reference: D. Povey et al., "Semi-orthogonal low-rank matrix factorization for deep neural
networks", Interspeech 2018, section 2.2, as in Kaldi's ``ConstrainOrthonormal``.
"""

import torch
import torch.nn.functional as F
from torch import nn

from steps_py.model.layers.masks import zero_padding

SPEED = 0.125  # of the update; less far from a semi-orthogonal matrix, so that it is stable
SLOWER_BEYOND = (1.02, 1.1)  # ratio from which the speed is halved, and halved again


class SemiOrthogonalConv(nn.Module):
    """A convolution without bias over frames `offset` apart, whose matrix is semi-orthogonal.

    The input is padded by `left` and ``offset - left`` frames, so that the number of frames
    is kept; `offset` 0 is an affine of single frames.  `constrain_weights` is for the trainer.

    >>> conv = SemiOrthogonalConv(8, 4, offset=2, left=1)
    >>> conv(torch.zeros(2, 8, 9), None).shape
    torch.Size([2, 4, 9])
    """

    constrained = True

    def __init__(self, in_dim: int, out_dim: int, offset: int = 0, left: int = 0):
        super().__init__()
        self.pad = (left, offset - left)
        kernel_size = 2 if offset else 1
        self.conv = nn.Conv1d(in_dim, out_dim, kernel_size, dilation=max(1, offset), bias=False)
        nn.init.normal_(self.conv.weight, std=(in_dim * kernel_size) ** -0.5)

    def forward(self, x_BCT: torch.Tensor, mask_BT: torch.Tensor | None) -> torch.Tensor:
        """Frames whose padding is 0 -> frames whose padding is 0."""
        return zero_padding(self.conv(F.pad(x_BCT, self.pad)), mask_BT)

    @torch.no_grad()
    def constrain_weights(self) -> None:
        """Move the matrix a step towards a multiple of a semi-orthogonal one."""
        weight = self.conv.weight
        if self.constrained and weight.requires_grad:  # else it is frozen
            weight.copy_(step_to_semi_orthogonal(weight.flatten(1)).view(weight.shape))


class FreeConv(SemiOrthogonalConv):
    """The same convolution without the constraint."""

    constrained = False


def step_to_semi_orthogonal(matrix_RN: torch.Tensor) -> torch.Tensor:
    """M - 4 a (P - s I) M with P = M M', s = tr(P P') / tr(P) and a = speed / s.

    The matrix is transposed if it has more rows than columns.

    >>> matrix_RN = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.1, 0.0]])
    >>> for _ in range(50):
    ...     matrix_RN = step_to_semi_orthogonal(matrix_RN)
    >>> product_RR = matrix_RN @ matrix_RN.T
    >>> torch.allclose(product_RR, product_RR[0, 0] * torch.eye(2))
    True
    """
    if matrix_RN.shape[0] > matrix_RN.shape[1]:
        return step_to_semi_orthogonal(matrix_RN.T).T
    p_RR = matrix_RN @ matrix_RN.T
    trace, trace_of_square = p_RR.trace(), p_RR.square().sum()
    ratio = trace_of_square * len(p_RR) / trace**2  # 1 if semi-orthogonal, else greater
    speed = SPEED
    for limit in SLOWER_BEYOND:
        speed = torch.where(ratio > limit, 0.5, 1.0) * speed
    scale = trace_of_square / trace
    identity_RR = torch.eye(len(p_RR), dtype=p_RR.dtype, device=p_RR.device)
    return matrix_RN - 4 * speed / scale * ((p_RR - scale * identity_RR) @ matrix_RN)
