"""The contract of objectives: terms of the loss that need more than a loss on one embedding.

Shape suffixes (scope: this package):
    B = chunks of a batch   N = unlabelled chunks   A = chunks of all processes   T = frames
    D = feature dimension   E = embedding   U = utterances
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.sampler import Batch
from steps_py.errors import ConfigError
from steps_py.settings.declare import setting
from steps_py.training.config import Sections
from steps_py.training.labels import Labels, read_labels
from steps_py.training.processes import ProcessGroup

OUTER, INNER = "outer", "inner"  # the places of a network that give embeddings
Place = Literal["outer", "inner"]


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """Keys of every objective.

    A key `labels` of a subclass names a table ``utt2<labels>`` of data/train, which is an input of
    the rule train_model.
    """

    weight: float = setting(1.0, "of the term, which is added to the loss", minimum=0)
    start_epoch: float = setting(0.0, "the weight is 0 before it", minimum=0)
    warmup_epochs: float = setting(0.0, "epochs over which the weight then grows", minimum=0)

    def weight_at(self, epoch: float) -> float:
        """Weight at `epoch`, in epochs since the start of the stage.

        >>> config = ObjectiveConfig(weight=2.0, start_epoch=1, warmup_epochs=4)
        >>> [config.weight_at(epoch) for epoch in (0.5, 2, 9)]
        [0.0, 0.5, 2.0]
        """
        since = epoch - self.start_epoch
        if since < 0:
            return 0.0
        return self.weight * (min(1, since / self.warmup_epochs) if self.warmup_epochs else 1)


@dataclass(frozen=True, kw_only=True)
class Material:
    """What an objective can be built from.

    Attributes
    ----------
    where : str
        Key of the objective in the recipe, for messages.
    sections : Sections
    chunks : Chunks
        Training utterances; `Batch.rows_B` are rows of them.
    dims : dict
        Dimension of the embedding at each place of the network: "outer", and "inner" if it has
        one.
    model : XvectorModel
        The network, before ``train.init`` or the stage before gives it their weights.
    feat_dim, num_speakers : int
    group : ProcessGroup
    device : torch.device
    """

    where: str
    sections: Sections
    chunks: Chunks
    dims: dict[str, int]
    model: nn.Module
    feat_dim: int
    num_speakers: int
    group: ProcessGroup
    device: torch.device

    @property
    def data_dirs(self) -> list[Path]:
        """The data directories of the training utterances: data/train, and that of its copies."""
        return list(map(Path, self.sections.get("data_dirs") or ()))

    def dim_of(self, place: str) -> int:
        """Dimension of the embedding at a place; ConfigError if the network has none there."""
        if place not in self.dims:
            raise ConfigError(
                f"{self.where}: embedding is {place}, but model.inner_dim is null. Set"
                " model.inner_dim, or embedding to outer."
            )
        return self.dims[place]

    def labels(self, table: str) -> Labels:
        """The labels of the training utterances in the table ``utt2<table>``."""
        return read_labels(table, self.chunks, self.data_dirs, self.where)


@dataclass(frozen=True, kw_only=True)
class EmbeddedBatch:
    """A batch, or micro-batch, of this process, and its embeddings, float32 and on the device.

    Attributes
    ----------
    step : int
    first : int
        Number of the first chunk in the batch of all processes.
    x_BTD, spk_id_B : Tensor
    num_frames_B : Tensor or None
    embeddings : dict of Tensor
        Embeddings (B, E) by place, as `Material.dims`.
    unlabelled : dict of Tensor
        Those of the unlabelled chunks (N, E); empty if no objective uses them.
    extra : tuple of Tensor
        The arrays that the objective's method `read` has returned.
    """

    step: int
    first: int
    x_BTD: torch.Tensor
    spk_id_B: torch.Tensor
    num_frames_B: torch.Tensor | None
    embeddings: dict[str, torch.Tensor]
    unlabelled: dict[str, torch.Tensor]
    extra: tuple[torch.Tensor, ...]


class Objective(nn.Module):
    """A term of the loss; subclasses are built as ``cls(config, material)``.

    Its parameters are trained by ``train.optimizer``, but for those of `own_modules`.

    Attributes
    ----------
    uses_unlabelled : bool or None
        Whether the batches of ``train.unlabelled`` are read; None if it depends on the config.
    num_arrays : int
        Number of arrays that `read` returns.
    measures : tuple of str
        Names of further values that are reported for each epoch.
    measured : Tensor
        Values of `measures` at the last call of `forward`, nan before the first; on the device.
    """

    uses_unlabelled: bool | None = False
    num_arrays: int = 0
    measures: tuple[str, ...] = ()
    measured: torch.Tensor = torch.zeros(0)

    def __init__(self, config: Any, material: Material):
        super().__init__()
        self.config, self.where = config, material.where

    def read(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Arrays that belong to this process's share of a batch, one row for each chunk.

        It is called in loader processes, and must be a pure function of the batch, which has the
        rows of the utterances and the number of the step; so a resumed training reads the same.
        """
        return ()

    def bytes_of_chunk(self, num_frames: int) -> int:
        """Bytes of what `read` returns for a chunk of at most `num_frames` frames."""
        return 8 * self.num_arrays

    def digests(self) -> dict[str, str]:
        """Digests of the files that are read; a training with others does not resume."""
        return {}

    def set_epoch(self, epoch: float) -> None:
        """Update what depends on `epoch`, in epochs since the start of the stage."""

    def warnings(self, means: dict[str, float | None]) -> list[str]:
        """Messages about the means of `measures` over an epoch; None for those without a value."""
        return []

    def own_modules(self) -> list[nn.Module]:
        """Modules that `take_own_steps` trains."""
        return []

    def take_own_steps(self, batch: EmbeddedBatch, lr_factor: float) -> None:
        """Update the own modules before each step; the embeddings are detached.

        `lr_factor` is that of the schedule.  See `own_optimizer.OwnOptimizer`.
        """

    def own_state(self) -> dict:
        """What a checkpoint needs besides the weights, such as states of own optimisers."""
        return {}

    def restore_own(self, state: dict) -> None:
        """Restore an `own_state`."""

    def reset_own(self) -> None:
        """Forget what own optimisers have learned, as the schedule does with the main one."""

    def forward(self, batch: EmbeddedBatch) -> torch.Tensor:
        """The term of this process's chunks; the mean over processes is that of the batch."""
        raise NotImplementedError
