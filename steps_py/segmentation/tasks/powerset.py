"""Who of the speakers of a window speaks: one class for each set of speakers.

Reference: A. Plaquet and H. Bredin, "Powerset multi-class cross entropy loss for neural speaker
diarization", Interspeech 2023; permutations as in Y. Fujita et al., "End-to-end neural speaker
diarization with permutation-free objectives", Interspeech 2019.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from steps_py.errors import ConfigError
from steps_py.segmentation.tasks.base import TASKS, Task, by_talking_time
from steps_py.settings.declare import setting


def powerset(num_speakers: int, max_overlap: int) -> np.ndarray:
    """The sets of up to `max_overlap` speakers, bool (K, S): smaller ones first.

    >>> powerset(3, 2).astype(int).tolist()
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    sets = [
        chosen
        for size in range(max_overlap + 1)
        for chosen in itertools.combinations(range(num_speakers), size)
    ]
    active_KS = np.zeros((len(sets), num_speakers), bool)
    for row, chosen in enumerate(sets):
        active_KS[row, list(chosen)] = True
    return active_KS


@TASKS.register("powerset")
class Powerset(Task):
    """The set of speakers of each frame, whose order within a window is free.

    The loss is the mean cross-entropy for the best assignment of the speakers of the reference to
    the outputs, which is the same for all frames of a window.  Of more than ``max_overlap``
    speakers at once, those who speak most in the window count.

    >>> task = Powerset(Powerset.Config(max_speakers=2))
    >>> logits_BTK = torch.tensor([[[0.0, 9.0, 0.0, 0.0], [0.0, 0.0, 9.0, 0.0]]])
    >>> target_BTS = torch.tensor([[[0, 1], [1, 0]]])        # the same speakers, named otherwise
    >>> loss, correct = task(logits_BTK, target_BTS)
    >>> round(loss.item(), 4), correct.item()
    (0.0004, 1.0)
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        max_speakers: int = setting(3, "of a window", minimum=1, maximum=4)
        max_overlap: int = setting(2, "speakers at the same time", minimum=1, maximum=4)

        def __post_init__(self):
            if self.max_overlap > self.max_speakers:
                raise ConfigError(
                    f"segmentation task 'powerset': max_overlap is {self.max_overlap}, more than"
                    f" max_speakers, {self.max_speakers}. Lower it."
                )

    def __init__(self, config):
        super().__init__(config)
        self.local_speakers = config.max_speakers
        self.active_KS = powerset(config.max_speakers, config.max_overlap)
        self.num_classes = len(self.active_KS)
        class_PC = torch.from_numpy(_classes(self.active_KS, config.max_overlap))
        self.register_buffer("class_PC", class_PC, persistent=False)

    def target(self, active_TS):
        return by_talking_time(active_TS, self.local_speakers).astype(np.uint8)

    def forward(self, logits_BTK, target_BTS):
        weight_S = 2 ** torch.arange(self.local_speakers, device=logits_BTK.device)
        code_BT = (target_BTS.long() * weight_S).sum(dim=2)
        class_BTP = self.class_PC.T[code_BT]
        log_BTK = logits_BTK.float().log_softmax(dim=2)
        loss_BP = -log_BTK.gather(2, class_BTP).mean(dim=1)
        loss_B, best_B = loss_BP.min(dim=1)
        class_BT = class_BTP.gather(2, best_B[:, None, None].expand(*code_BT.shape, 1))[:, :, 0]
        return loss_B.mean(), (logits_BTK.argmax(dim=2) == class_BT).float().mean()

    def count_probabilities(self, probability_TK):
        size_K = np.minimum(self.active_KS.sum(axis=1), 2)
        return np.stack([probability_TK[:, size_K == n].sum(axis=1) for n in range(3)], axis=1)


def _classes(active_KS, max_overlap):
    """The class of each set of speakers, a binary number, under each permutation, int64 (P, C)."""
    num_speakers = active_KS.shape[1]
    row_of = {tuple(row): k for k, row in enumerate(active_KS.tolist())}
    class_PC = []
    for places in itertools.permutations(range(num_speakers)):
        class_C = []
        for code in range(2**num_speakers):
            chosen = [s for s in range(num_speakers) if code >> s & 1][:max_overlap]
            outputs = {places[s] for s in chosen}
            class_C.append(row_of[tuple(s in outputs for s in range(num_speakers))])
        class_PC.append(class_C)
    return np.array(class_PC, np.int64)
