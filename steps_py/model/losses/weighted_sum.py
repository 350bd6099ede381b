"""A classification loss and a metric loss, trained at once.

Shape suffixes: B batch, E embedding, S speakers.

Reference: J. Monteiro, J. Alam and T. Falk, "Combining speaker recognition and metric learning
for speaker-dependent representation learning", Interspeech 2019.
"""

from dataclasses import dataclass, field

from steps_py.errors import ConfigError
from steps_py.model.loss import Loss
from steps_py.model.registries import LOSSES


@LOSSES.register("weighted_sum")
class WeightedSum(Loss):
    """Classification loss + `metric_weight` times metric loss, both of the same embeddings.

    Each part is named with its own keys, as a loss alone would be.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        classification: dict = field(default_factory=lambda: {"name": "am_softmax"})
        metric: dict = field(default_factory=lambda: {"name": "triplet"})
        metric_weight: float = 1.0

        def __post_init__(self):
            for key, is_metric in (("classification", False), ("metric", True)):
                part, _ = LOSSES.configure(getattr(self, key))
                if part is WeightedSum or (part.utts_per_speaker_needed > 1) != is_metric:
                    wanted = "compares" if is_metric else "classifies"
                    raise ConfigError(
                        f"loss 'weighted_sum': {key} is '{getattr(self, key)['name']}'."
                        f" Name a loss there that {wanted}."
                    )

    def __init__(self, config, in_dim, num_speakers):
        super().__init__()
        sizes = {"in_dim": in_dim, "num_speakers": num_speakers}
        self.classification = LOSSES.build(config.classification, **sizes)
        self.metric = LOSSES.build(config.metric, **sizes)
        self.metric_weight = config.metric_weight
        self.utts_per_speaker_needed = self.metric.utts_per_speaker_needed

    def set_epoch(self, epoch):
        """Of both parts."""
        self.classification.set_epoch(epoch)
        self.metric.set_epoch(epoch)

    def forward(self, embedding_BE, spk_id_B):
        """Mean loss of the batch, and logits (B, S) of the classification."""
        loss, logits_BS = self.classification(embedding_BE, spk_id_B)
        metric, _ = self.metric(embedding_BE, spk_id_B)
        return loss + self.metric_weight * metric, logits_BS
