"""The contract of mixes of chunks, and what they share: draws and partners.

Shape suffixes (scope: this package):
    B = chunks of a process   A = chunks of the batch   T = frames   D = feature dimension
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from steps_py.draws import generator
from steps_py.settings.declare import Share, setting


class Targets(NamedTuple):
    """The second speaker of each chunk, and the share of the first, 0 to 1."""

    other_id_B: torch.Tensor
    share_B: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class MixConfig:
    """Keys of every mix."""

    alpha: float = setting(
        0.2,
        "of the Beta distribution of shares; 1: uniform, below 1: mostly near 0 or 1",
        exclusiveMinimum=0,
    )
    probability: Share = setting(1.0, "that a chunk is mixed")


class Mix:
    """Replaces a part of each chunk by a chunk of another speaker, its partner.

    Shares are drawn from (seed, step) alone, for each chunk.  Partners are neighbours: in a batch
    whose rows are in groups of one speaker, neighbouring groups.  So the result does not depend
    on the number of processes, provided that each has an even number of groups.

    Parameters
    ----------
    config : MixConfig
    batch_size : int
        Chunks of all processes.
    group_size : int
        Consecutive chunks of one speaker.
    seed : int
    """

    def __init__(self, config: Any, batch_size: int, group_size: int, seed: int):
        self.config = config
        self._batch_size, self._group_size, self._seed = batch_size, group_size, seed

    def apply(
        self,
        step: int,
        first: int,
        x_BTD: torch.Tensor,
        spk_id_B: torch.Tensor,
        num_frames_B: torch.Tensor | None = None,
    ) -> tuple[tuple[torch.Tensor, ...], Targets]:
        """The mixed batch, and its second speakers.

        `first` is the number in the batch of the first of these chunks.
        """
        size, num_frames = x_BTD.shape[:2]
        own = slice(first, first + size)
        random = generator(self._seed, "mix", step)
        share_B = random.beta(self.config.alpha, self.config.alpha, size=self._batch_size)[own]
        is_mixed_B = random.random(self._batch_size)[own] < self.config.probability
        share_B = np.where(is_mixed_B, share_B, 1.0)
        place_B = random.random(self._batch_size)[own]
        partner_B = partners(size, self._group_size)
        length_B = np.full(size, num_frames) if num_frames_B is None else num_frames_B.cpu().numpy()
        on_device = torch.from_numpy(partner_B).to(x_BTD.device)
        x_BTD, share_B, length_B = self.mix(
            x_BTD, x_BTD[on_device], share_B, place_B, length_B, length_B[partner_B]
        )
        lengths = () if num_frames_B is None else (torch.from_numpy(length_B),)
        other_id_B = spk_id_B[torch.from_numpy(partner_B).to(spk_id_B.device)]
        return (x_BTD, spk_id_B, *lengths), Targets(other_id_B, torch.from_numpy(share_B).float())

    def mix(
        self,
        x_BTD: torch.Tensor,
        other_BTD: torch.Tensor,
        share_B: np.ndarray,
        place_B: np.ndarray,
        length_B: np.ndarray,
        other_length_B: np.ndarray,
    ) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
        """Mixed chunks, the exact share of the first speaker in them, and their lengths.

        Frames beyond `length_B` and `other_length_B` are padding.  `share_B` is the drawn share,
        1 where a chunk must stay as it is; `place_B` is uniform between 0 and 1.
        """
        raise NotImplementedError


def partners(size: int, group_size: int) -> np.ndarray:
    """The partner of each chunk: groups of `group_size` chunks change places with their neighbours.

    Chunks at the end that are not two whole groups are shifted among themselves.

    >>> partners(4, 1), partners(4, 2), partners(3, 1)
    (array([1, 0, 3, 2]), array([2, 3, 0, 1]), array([1, 0, 2]))
    >>> partners(7, 2)
    array([2, 3, 0, 1, 5, 6, 4])
    """
    index_B = np.arange(size)
    start_B = index_B - index_B % (2 * group_size)
    block_B = np.minimum(2 * group_size, size - start_B)
    shift_B = np.where(block_B == 2 * group_size, group_size, block_B // 2)
    return start_B + (index_B - start_B + shift_B) % block_B


def frames_before(length_B: np.ndarray, num_frames: int, device: torch.device) -> torch.Tensor:
    """Mask (B, T) of the first `length_B` frames.

    >>> frames_before(np.array([1, 2]), 3, torch.device("cpu")).int()
    tensor([[1, 0, 0],
            [1, 1, 0]], dtype=torch.int32)
    """
    length_B1 = torch.from_numpy(length_B).to(device)[:, None]
    return torch.arange(num_frames, device=device) < length_B1
