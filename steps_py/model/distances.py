"""Distances between the embeddings of a batch, for losses that compare them.

Shape suffixes: A batch, E embedding.
"""

import torch
import torch.nn.functional as F

SMALLEST_SQUARE = 1e-8  # of a Euclidean distance, whose slope at 0 is infinite


def euclidean_distance(x_AE: torch.Tensor) -> torch.Tensor:
    """|a - b| (A, A) of all pairs.

    >>> euclidean_distance(torch.eye(2)).round(decimals=3)
    tensor([[0.0000, 1.4140],
            [1.4140, 0.0000]])
    """
    return squared_distance(x_AE).clamp(min=SMALLEST_SQUARE).sqrt()


def squared_distance(x_AE: torch.Tensor) -> torch.Tensor:
    """|a - b|^2 (A, A) of all pairs.

    >>> squared_distance(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    tensor([[ 0., 25.],
            [25.,  0.]])
    """
    square_A = x_AE.square().sum(dim=1)
    return (square_A[:, None] + square_A - 2 * x_AE @ x_AE.T).clamp(min=0)


def cosine_distance(x_AE: torch.Tensor) -> torch.Tensor:
    """1 - cosine (A, A) of all pairs.

    >>> cosine_distance(3 * torch.eye(2))
    tensor([[0., 1.],
            [1., 0.]])
    """
    unit_AE = F.normalize(x_AE)
    return 1 - unit_AE @ unit_AE.T


DISTANCES = {
    "euclidean": euclidean_distance,
    "squared": squared_distance,
    "cosine": cosine_distance,
}


def pairs_of(spk_id_A: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which utterances are others of the same speaker, and which of another (A, A).

    >>> positive_AA, negative_AA = pairs_of(torch.tensor([7, 7, 3]))
    >>> positive_AA.nonzero().tolist(), negative_AA.nonzero().tolist()
    ([[0, 1], [1, 0]], [[0, 2], [1, 2], [2, 0], [2, 1]])
    """
    same_AA = spk_id_A[:, None] == spk_id_A
    itself_AA = torch.eye(len(same_AA), dtype=torch.bool, device=same_AA.device)
    return same_AA & ~itself_AA, ~same_AA
