"""A second loss, of the speakers or of other labels, on an embedding."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch

from steps_py.chunks.sampler import Batch
from steps_py.errors import ConfigError
from steps_py.model.registries import LOSSES, OBJECTIVES
from steps_py.settings.declare import part, setting
from steps_py.training.objectives.base import OUTER, Material, Objective, ObjectiveConfig, Place


@OBJECTIVES.register("head")
class Head(Objective):
    """Any loss, of the speakers or of the labels of a table, on the inner or outer embedding.

    With ``train.loss`` on the outer embedding and a triplet loss on the inner one it is the
    objective of J. Monteiro, J. Alam and T. Falk, "Combining speaker recognition and metric
    learning for speaker-dependent representation learning", Interspeech 2019.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(ObjectiveConfig):
        loss: Annotated[dict, part("loss")] = setting({"name": "softmax"})
        labels: str | None = setting(
            None, "table utt2<labels> of data/train, such as language; null: the speakers"
        )
        embedding: Place = setting(OUTER, "the embedding that the loss reads")

    def __init__(self, config: Config, material: Material):
        super().__init__(config, material)
        self.labels, num_classes = None, material.num_speakers
        if config.labels is not None:
            self.labels, self.num_arrays = material.labels(config.labels), 1
            num_classes = len(self.labels.names)
            if num_classes < 2:
                raise ConfigError(
                    f"{self.where}: all training utterances have the label"
                    f" '{self.labels.names[0]}' in utt2{config.labels}. Remove this objective."
                )
        in_dim = material.dim_of(config.embedding)
        self.loss = LOSSES.build(config.loss, in_dim=in_dim, num_speakers=num_classes)

    def read(self, batch: Batch) -> tuple[np.ndarray, ...]:
        return () if self.labels is None else (self.labels.id_U[batch.rows_B],)

    def digests(self) -> dict[str, str]:
        return {} if self.labels is None else {"labels": self.labels.digest}

    def set_epoch(self, epoch: float) -> None:
        self.loss.set_epoch(epoch)

    def forward(self, batch) -> torch.Tensor:
        label_B = batch.spk_id_B if self.labels is None else batch.extra[0]
        loss, _ = self.loss(batch.embeddings[self.config.embedding], label_B)
        return loss
