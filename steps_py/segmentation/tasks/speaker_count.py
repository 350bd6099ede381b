"""Nobody, one speaker, or several."""

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F

from steps_py.segmentation.tasks.base import TASKS, Task


@TASKS.register("speaker_count")
class SpeakerCount(Task):
    """Whether nobody, one or several speak: the smallest task, for speech and overlap alone.

    >>> active_TS = np.array([[0, 0, 0], [0, 1, 0], [1, 1, 1]], bool)
    >>> SpeakerCount(SpeakerCount.Config()).target(active_TS).tolist()
    [0, 1, 2]
    """

    num_classes = 3

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """No options."""

    def target(self, active_TS):
        return np.minimum(active_TS.sum(axis=1), 2).astype(np.int64)

    def forward(self, logits_BTK, target_BT):
        loss = F.cross_entropy(logits_BTK.float().mT, target_BT.long())
        return loss, (logits_BTK.argmax(dim=2) == target_BT).float().mean()

    def count_probabilities(self, probability_TK):
        return probability_TK
