"""Reconstruction of another segment of the utterance from the embedding.

Shape suffixes: B chunks, T frames of the other segment, V after the first convolution, D feature
dimension, L labels of frames, E embedding, H hidden.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from steps_py.chunks.batches import FeatureReader
from steps_py.chunks.sampler import Batch
from steps_py.errors import ConfigError
from steps_py.model.encoders.tdnn import BATCH_NORM_EPS
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.registries import OBJECTIVES
from steps_py.settings.declare import Count, setting
from steps_py.training.clean_twins import clean_twins, digest_of_twins
from steps_py.training.frame_labels import NO_LABEL, read_frame_labels
from steps_py.training.objectives.base import OUTER, Material, Objective, ObjectiveConfig, Place


@OBJECTIVES.register("reconstruction")
class Reconstruction(Objective):
    """Squared error of a decoder that predicts features of another segment of the utterance.

    The segment has as many frames as the chunk, at a place of its own, in the clean copy of the
    utterance (the utterance that utt2uniq names, or itself); its features are the target.  The
    decoder reads the labels of the frames around, such as phones, as one value for each label: 1
    for that of the frame, -1 for the others; without labels, the time from -1 to 1.  What it
    cannot know from those, such as the speaker, must come from the embedding, which enters every
    layer after a batch norm.

    Source: T. Stafylakis et al., "Self-supervised speaker embeddings", Interspeech 2019, as in
    SEQUENS (166 phones; cross-entropy + 0.01 times this).
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(ObjectiveConfig):
        weight: float = setting(0.01, "of the term, which is added to the loss", minimum=0)
        frame_labels: str | None = setting(
            None,
            "a table of Kaldi with a vector of integers for each utterance of data/train, one for"
            " each frame of its features, text or binary (.scp: a script): phones; relative to the"
            " recipe's folder. null: the decoder reads time",
        )
        num_labels: Count = setting(166, "labels that there are")
        lowest_label: int = setting(1, "the lowest label; Kaldi's phones begin at 1", minimum=0)
        hidden_dim: Count = setting(166)
        num_layers: int = setting(5, "layers of the decoder", minimum=2)
        context_frames: int = setting(
            3, "frames on each side that the first layer reads as well", minimum=0
        )
        embedding: Place = setting(OUTER, "the embedding that the decoder reads")

    num_arrays = 2

    def __init__(self, config: Config, material: Material):
        super().__init__(config, material)
        if material.sections["train"].input != "feats":
            raise ConfigError(
                f"{self.where}: needs the features of clean copies, but train.input is"
                f" {material.sections['train'].input}. Set it to feats."
            )
        shortest = material.sections["chunks"].min_frames
        if shortest <= 2 * config.context_frames:
            raise ConfigError(
                f"{self.where}: context_frames is {config.context_frames}, but chunks.min_frames is"
                f" {shortest}. Raise chunks.min_frames above {2 * config.context_frames}."
            )
        chunks = material.chunks
        self._twin_U = clean_twins(chunks, material.data_dirs, self.where)
        self._num_frames_U = chunks.num_frames_U
        self._reader = FeatureReader(chunks, material.sections["cmvn"])
        self._seed = material.sections["train"].seed
        self._labels = None
        if config.frame_labels is not None:
            labels = config.num_labels, config.lowest_label
            self._labels = read_frame_labels(
                config.frame_labels, chunks, np.unique(self._twin_U), *labels, self.where
            )
        in_dim = config.num_labels if self._labels else 1
        embedding_dim = material.dim_of(config.embedding)
        self.decoder = Decoder(config, in_dim, embedding_dim, self._reader.feat_dim)

    def read(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Features (B, T, D) of the other segments, and labels of their frames (B, T)."""
        other = self.other_segments(batch)
        x_BTD, _ = self._reader.read(other)
        if self._labels is None:
            return x_BTD, np.full(x_BTD.shape[:2], NO_LABEL)
        index_BT = other.first_B[:, np.newaxis] + np.arange(other.num_frames)
        index_BT %= self._num_frames_U[other.rows_B][:, np.newaxis]
        return x_BTD, self._labels.of_voiced_frames(other.rows_B, index_BT)

    def other_segments(self, batch: Batch) -> Batch:
        """The segments that are reconstructed, chunks of clean copies."""
        rows_B = self._twin_U[batch.rows_B]
        last = batch.offset + len(rows_B)
        place = np.random.default_rng([self._seed, _STREAM, batch.step]).random(last)
        spare_B = self._num_frames_U[rows_B] - batch.num_frames
        spare_B = np.where(spare_B < 0, self._num_frames_U[rows_B], spare_B + 1)
        first_B = (place[batch.offset :] * spare_B).astype(np.int64)
        return Batch(
            rows_B,
            first_B,
            batch.spk_id_B,
            batch.num_frames,
            step=batch.step,
            offset=batch.offset,
        )

    def bytes_of_chunk(self, num_frames: int) -> int:
        return self._reader.chunk_bytes(num_frames) + 8 * num_frames

    def digests(self) -> dict[str, str]:
        digests = {"twins": digest_of_twins(self._twin_U)}
        return digests | ({"frame_labels": self._labels.digest} if self._labels else {})

    def forward(self, batch) -> torch.Tensor:
        x_BTD, label_BT = batch.extra
        context = self.config.context_frames
        input_BTL = time_of(x_BTD) if self._labels is None else self._one_hot(label_BT)
        y_BVD = self.decoder(input_BTL, batch.embeddings[self.config.embedding])
        return F.mse_loss(y_BVD, x_BTD[:, context : x_BTD.shape[1] - context])

    def _one_hot(self, label_BT):
        return 2 * F.one_hot(label_BT, self.config.num_labels).float() - 1


_STREAM = 1 << 20  # apart from the streams of steps_py.chunks.samplers.base


def time_of(x_BTD: torch.Tensor) -> torch.Tensor:
    """The place of each frame in its segment, from -1 to 1, (B, T, 1).

    >>> time_of(torch.zeros(1, 3, 5)).flatten().tolist()
    [-1.0, 0.0, 1.0]
    """
    size, num_frames, _ = x_BTD.shape
    time_T = torch.linspace(-1, 1, num_frames, device=x_BTD.device, dtype=x_BTD.dtype)
    return time_T[None, :, None].expand(size, -1, -1)


class Decoder(nn.Module):
    """Convolution over time, then affine layers of single frames, with the embedding in each.

    A layer is affine, ReLU, batch norm; the last is affine alone.
    """

    def __init__(
        self, config: Reconstruction.Config, in_dim: int, embedding_dim: int, out_dim: int
    ):
        super().__init__()
        num, hidden = config.num_layers, config.hidden_dim
        in_dims, out_dims = [in_dim, *[hidden] * (num - 1)], [*[hidden] * (num - 1), out_dim]
        widths = [2 * config.context_frames + 1, *[1] * (num - 1)]
        self.embedding_norm = _norm(embedding_dim)
        self.affines = nn.ModuleList(map(nn.Conv1d, in_dims, out_dims, widths))
        self.sides = nn.ModuleList(nn.Linear(embedding_dim, dim, bias=False) for dim in out_dims)
        self.norms = nn.ModuleList(_norm(hidden) for _ in range(num - 1))

    def forward(self, input_BTL: torch.Tensor, embedding_BE: torch.Tensor) -> torch.Tensor:
        """Predicted features (B, V, D)."""
        side_BE = self.embedding_norm(embedding_BE)
        y = input_BTL.mT
        for place, (affine, side) in enumerate(zip(self.affines, self.sides, strict=True)):
            y = affine(y) + side(side_BE)[:, :, None]
            if place < len(self.norms):
                y = self.norms[place](F.relu(y))
        return y.mT


def _norm(dim):
    return MaskedBatchNorm(dim, eps=BATCH_NORM_EPS, momentum=0.05, affine=False)
