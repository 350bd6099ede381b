"""Further chunks of the utterances of a batch, drawn and altered independently of it.

Array suffixes (scope: this module):
    B = chunks of a batch   T = frames   D = feature dimension   K = crops
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.readers import open_reader
from steps_py.chunks.sampler import Batch
from steps_py.draws import generator
from steps_py.training.config import Sections
from steps_py.training.spec_augment import SpecAugment

FURTHER = 10**6  # numbers of chunks in a batch, and of their draws, are below


class Crops:
    """Reads crops as the training reads its chunks, but always on the host.

    With ``train.input: waveform`` each crop has its own draw of noises and rooms; crops of features
    have masks of their own (``train.spec_augment``).  They are a pure function of (seed, step,
    number in the batch); speakers are not used.
    """

    def __init__(self, sections: Sections, chunks: Chunks):
        config = sections["train"]
        on_host = dataclasses.replace(config, device="cpu", decode="host")
        self._reader = open_reader({**sections, "train": on_host}, chunks)
        self._num_frames_U, self._seed = chunks.num_frames_U, config.seed
        self._masks = SpecAugment.from_config(config)

    def read(self, batch: Batch, num_frames_K: Sequence[int]) -> list[np.ndarray]:
        """For each length a crop of each utterance: K float32 arrays (B, T, D)."""
        first_KB = self._positions(batch, np.array(num_frames_K))
        return [
            self._read(batch, number, first_B, num_frames)
            for number, (first_B, num_frames) in enumerate(
                zip(first_KB, num_frames_K, strict=True), 1
            )
        ]

    def _read(self, batch, number, first_B, num_frames):
        offset = number * FURTHER + batch.offset
        crop = dataclasses.replace(
            batch, first_B=first_B, num_frames=num_frames, num_frames_B=None, offset=offset
        )
        x_BTD = torch.from_numpy(self._reader.read(crop)[0])
        return self._masks.apply(batch.step, x_BTD, rank=offset)[0].numpy()

    def _positions(self, batch, num_frames_K):
        """First frames (K, B), uniform; a short utterance is repeated from any frame."""
        first_BK = []
        for b, available in enumerate(self._num_frames_U[batch.rows_B]):
            random = generator(self._seed, "crops", batch.step, batch.offset + b)
            spare_K = available - num_frames_K
            first_BK.append(random.integers(np.where(spare_K < 0, available, spare_K + 1)))
        return np.array(first_BK).T

    def num_bytes(self, num_frames_K: Sequence[int]) -> int:
        """Bytes of the crops of one utterance."""
        return sum(map(self._reader.chunk_bytes, num_frames_K))
