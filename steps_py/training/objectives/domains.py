"""What objectives of domains share: where the domains come from, and the embeddings of each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from steps_py.chunks.sampler import Batch
from steps_py.errors import ConfigError, did_you_mean, some
from steps_py.model.all_gather import gather_embeddings, gather_labels
from steps_py.settings.declare import setting
from steps_py.training.objectives.base import (
    OUTER,
    EmbeddedBatch,
    Material,
    Objective,
    ObjectiveConfig,
    Place,
)

LABELLED, UNLABELLED = "labelled", "unlabelled"  # the two domains without a table


@dataclass(frozen=True, kw_only=True)
class DomainConfig(ObjectiveConfig):
    """Keys of every objective of domains."""

    labels: str | None = setting(
        None,
        "table utt2<labels> of data/train with the domain of each utterance; null: the training"
        " utterances are one domain, those of train.unlabelled the other",
    )
    embedding: Place = setting(OUTER, "the embedding whose domains become alike")


@dataclass(frozen=True, kw_only=True)
class PairConfig(DomainConfig):
    """Keys of every objective that compares one domain with the others."""

    target: str | None = setting(
        None, "the label of the domain that is compared with all others; null: the last of two"
    )


class DomainObjective(Objective):
    """A term that makes the embeddings of domains alike.

    Attributes
    ----------
    names : list of str
        Of the domains, by number.
    """

    uses_unlabelled = None  # without labels

    def __init__(self, config: Any, material: Material):
        super().__init__(config, material)
        self.dim, self.labels = material.dim_of(config.embedding), None
        self.uses_unlabelled = config.labels is None
        if config.labels is not None:
            self.labels, self.num_arrays = material.labels(config.labels), 1
        self.names = self.labels.names if self.labels else [LABELLED, UNLABELLED]
        if len(self.names) < 2:
            raise ConfigError(
                f"{self.where}: all training utterances have the label '{self.names[0]}' in"
                f" utt2{config.labels}; two domains are needed. Remove this objective."
            )

    def read(self, batch: Batch) -> tuple[np.ndarray, ...]:
        return () if self.labels is None else (self.labels.id_U[batch.rows_B],)

    def digests(self) -> dict[str, str]:
        return {} if self.labels is None else {"labels": self.labels.digest}

    def of_process(self, batch: EmbeddedBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings (B, E) of this process, or (B + N, E), and the number of their domains."""
        x_BE = batch.embeddings[self.config.embedding]
        if self.labels is not None:
            return x_BE, batch.extra[0]
        x_NE = batch.unlabelled[self.config.embedding]
        domain = torch.arange(2, device=x_BE.device)
        sizes = torch.tensor([len(x_BE), len(x_NE)], device=x_BE.device)
        return torch.cat([x_BE, x_NE]), domain.repeat_interleave(sizes)


class PairObjective(DomainObjective):
    """A term that makes the embeddings of two domains alike, over the chunks of all processes."""

    def __init__(self, config: PairConfig, material: Material):
        super().__init__(config, material)
        names, target = self.names, config.target
        if target is None and len(names) > 2:
            raise ConfigError(
                f"{self.where}: utt2{config.labels} has {len(names)} domains ({some(names)}). Set"
                " target to the one that is compared with the others."
            )
        if target is not None and target not in names:
            raise ConfigError(f"{self.where}: no domain '{target}'. {did_you_mean(target, names)}")
        self.target = len(names) - 1 if target is None else names.index(target)

    def pair(self, batch: EmbeddedBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings of the other domains and of the target, of all processes.

        Their gradient is that of the term computed in one process, see
        `steps_py.model.all_gather.gather_embeddings`.
        """
        x_BE, domain_B = self.of_process(batch)
        x_AE, domain_A = gather_embeddings(x_BE), gather_labels(domain_B)
        return x_AE[domain_A != self.target], x_AE[domain_A == self.target]

    def distance(self, source_BE: torch.Tensor, target_BE: torch.Tensor) -> torch.Tensor:
        """How far the embeddings of two domains are from each other; each has at least two."""
        raise NotImplementedError

    def forward(self, batch: EmbeddedBatch) -> torch.Tensor:
        """The distance; 0 for a batch with fewer than two chunks of a domain."""
        source_BE, target_BE = self.pair(batch)
        if min(len(source_BE), len(target_BE)) < 2:
            return 0 * (source_BE.sum() + target_BE.sum())
        return self.distance(source_BE, target_BE)
