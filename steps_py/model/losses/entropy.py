"""Regulariser that spreads embeddings: the entropy by nearest neighbours.

Shape suffixes: A batch of all processes, E embedding.

References: J. Monteiro, J. Alam and T. Falk, "Combining speaker recognition and metric learning
for speaker-dependent representation learning", Interspeech 2019; A. Sablayrolles et al.,
"Spreading vectors for similarity search", ICLR 2019, equation (2).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from steps_py.model.distances import euclidean_distance
from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES


@LOSSES.register("entropy")
class Entropy(MetricLoss):
    r"""Minus the mean logarithm of the distance to the nearest other utterance of the batch.

    .. math:: L = -\tfrac1A \sum_i \log\Bigl(\min_{j \ne i} |u_i - u_j| + 10^{-6}\Bigr)

    where the u are unit vectors, of any speaker; 0 for a single utterance.  It is for use
    beside other losses, with a small weight such as 0.001.
    """

    compares = False  # needs no two utterances of a speaker
    utts_per_speaker_needed = 1

    @dataclass(frozen=True, kw_only=True)
    class Config:
        pass

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        if len(embedding_AE) < 2:
            return 0 * embedding_AE.sum()
        distance_AA = euclidean_distance(F.normalize(embedding_AE))
        itself_AA = torch.eye(len(distance_AA), dtype=torch.bool, device=distance_AA.device)
        nearest_A = distance_AA.masked_fill(itself_AA, torch.inf).amin(dim=1)
        return -(nearest_A + 1e-6).log().mean()
