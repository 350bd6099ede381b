"""Sum of a classification loss and a metric loss.

Shape suffixes: B batch, E embedding, S speakers.

Reference: J. Monteiro, J. Alam and T. Falk, "Combining speaker recognition and metric learning
for speaker-dependent representation learning", Interspeech 2019.
"""

from dataclasses import dataclass
from typing import Annotated

import torch

from steps_py.errors import ConfigError
from steps_py.model.loss import Loss
from steps_py.model.registries import LOSSES
from steps_py.settings.declare import part, setting

CLASSIFIES = "Set it to a loss that classifies."
COMPARES = "Set it to a loss that compares utterances, or to center, ring or entropy."


def check_loss(section: dict, classifies: bool, key: str, fix: str) -> None:
    """Raise ConfigError unless the loss of `section` classifies, or does not."""
    loss, _ = LOSSES.configure(section)
    if loss.classifies is not classifies:
        raise ConfigError(f"loss 'weighted_sum': {key} is '{section['name']}'. {fix}")


@LOSSES.register("weighted_sum")
class WeightedSum(Loss):
    """Weighted sum of a classification loss and another loss, both of the same embeddings.

    Each of the two is a section with a name and its keys.  The classification can itself be a
    weighted sum, so that there are three losses or more.  After a stage of ``train.stages`` with
    one of the two alone, its weights are continued, and likewise after a stage with both.
    """

    compares = None  # the metric loss may
    mixes = None  # if both do

    @dataclass(frozen=True, kw_only=True)
    class Config:
        classification: Annotated[
            dict, part("loss", facts={"classifies": True}, cure=CLASSIFIES)
        ] = setting({"name": "am_softmax"}, "a loss that classifies")
        metric: Annotated[dict, part("loss", facts={"classifies": False}, cure=COMPARES)] = setting(
            {"name": "triplet"}, "a loss that does not classify"
        )
        classification_weight: float = setting(1.0, minimum=0)
        metric_weight: float = setting(1.0, minimum=0)
        metric_start_epoch: float = setting(0.0, "the weight is 0 before it", minimum=0)
        metric_warmup_epochs: float = setting(
            0.0, "epochs over which the weight then grows", minimum=0
        )

        def __post_init__(self):
            check_loss(self.classification, True, "classification", CLASSIFIES)
            check_loss(self.metric, False, "metric", COMPARES)

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        sizes = {"in_dim": in_dim, "num_speakers": num_speakers}
        self.classification = LOSSES.build(config.classification, **sizes)
        self.metric = LOSSES.build(config.metric, **sizes)
        self.config, self.metric_weight = config, config.metric_weight
        self.mixes = bool(self.classification.mixes and self.metric.mixes)
        self.utts_per_speaker_needed = max(
            part.utts_per_speaker_needed for part in (self.classification, self.metric)
        )

    def find_part(self, section: dict) -> Loss | None:
        """The loss of that section within this one, at any depth, or None."""
        parts = (
            (self.config.classification, self.classification),
            (self.config.metric, self.metric),
        )
        for own, loss in parts:
            if LOSSES.configure(own) == LOSSES.configure(section):
                return loss
        return self.classification.find_part(section)

    def set_epoch(self, epoch: float) -> None:
        """Update both losses and the weight."""
        since = epoch - self.config.metric_start_epoch
        warmup = self.config.metric_warmup_epochs
        share = min(1, since / warmup) if warmup else 1
        self.metric_weight = self.config.metric_weight * share if since >= 0 else 0.0
        self.classification.set_epoch(epoch)
        self.metric.set_epoch(epoch)

    def forward(
        self,
        embedding_BE: torch.Tensor,
        spk_id_B: torch.Tensor,
        weight_B: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the batch, and logits (B, S) of the classification."""
        weights = () if weight_B is None else (weight_B,)
        loss, logits_BS = self.classification(embedding_BE, spk_id_B, *weights)
        metric, _ = self.metric(embedding_BE, spk_id_B, *weights)
        return self.config.classification_weight * loss + self.metric_weight * metric, logits_BS
