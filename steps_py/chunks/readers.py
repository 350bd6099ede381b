"""Chooses the reader of a training's chunks: archives of features, or audio."""

from typing import Any, Protocol

import numpy as np
import torch

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.batches import FeatureReader
from steps_py.chunks.sampler import Batch
from steps_py.errors import StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.model.device import choose_device


class Reader(Protocol):
    """Makes the features of batches, in two steps.

    Attributes
    ----------
    feat_dim : int
    """

    feat_dim: int

    def read(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Arrays of a batch; called in loader processes."""

    def decode(
        self, batch: tuple[torch.Tensor, ...], device: torch.device
    ) -> tuple[torch.Tensor, ...]:
        """x_BTD, spk_id_B (and num_frames_B where lengths differ) from the arrays as tensors."""

    def chunk_bytes(self, num_frames: int) -> int:
        """Estimated bytes of a chunk in what `read` returns."""


def open_reader(sections: dict[str, Any], chunks: Chunks, local_rank: int = 0) -> Reader:
    """The reader that ``train.input`` and ``train.decode`` select, for this process's device.

    `sections` are the sections train, cmvn and waveform of a recipe.
    """
    config = sections["train"]
    device = choose_device(config.device, "train", local_rank)
    if config.input == "feats":
        if chunks.speed_U is not None and (chunks.speed_U != 1).any():
            raise StepsError(
                f"{chunks.path}: contains speeds other than 1, which need train.input waveform. Set"
                " it, or run allocate_chunks again."
            )
        return open_features(config.decode, sections["cmvn"], chunks, device)
    from steps_py.chunks.audio_chunks import AudioReader  # start-up time

    if chunks.wavs is None:
        raise StepsError(
            f"{chunks.path}: has no column wav, but train.input is waveform. Run allocate_chunks"
            " again."
        )
    # on a CPU, numpy in the loader processes is faster than torch in this one
    on_device = device.type != "cpu"
    waveform = sections["waveform"]
    return AudioReader(chunks, sections["cmvn"], waveform, config.seed, on_device)


def open_features(decode: str, cmvn: CmvnConfig, chunks: Chunks, device: torch.device) -> Reader:
    """The reader that ``train.decode`` selects; auto: on a GPU, if possible."""
    if decode == "auto":
        decode = "host" if device.type == "cpu" or cmvn.norm_vars else "device"
    if decode == "host":
        return FeatureReader(chunks, cmvn)
    from steps_py.chunks.compressed_chunks import CompressedReader  # start-up time

    return CompressedReader(chunks, cmvn, device, resident=decode == "resident")
