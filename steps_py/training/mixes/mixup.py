"""Mixup of features."""

from dataclasses import dataclass

import numpy as np
import torch

from steps_py.model.registries import MIXES
from steps_py.training.mixes.base import Mix, MixConfig, frames_before


@MIXES.register("mixup")
class Mixup(Mix):
    r"""Weighted means of the features of two chunks.

    .. math:: x = \lambda x_a + (1 - \lambda) x_b, \qquad
              L = \lambda L(x, y_a) + (1 - \lambda) L(x, y_b), \qquad
              \lambda \sim \mathrm{Beta}(\alpha, \alpha)

    A mixed chunk is as long as the shorter one of the two.

    H. Zhang et al., "mixup: Beyond empirical risk minimization", ICLR 2018, section 2.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(MixConfig):
        pass

    def mix(
        self,
        x_BTD: torch.Tensor,
        other_BTD: torch.Tensor,
        share_B: np.ndarray,
        place_B: np.ndarray,
        length_B: np.ndarray,
        other_length_B: np.ndarray,
    ) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
        shorter_B = np.where(share_B < 1, np.minimum(length_B, other_length_B), length_B)
        share_B11 = torch.from_numpy(share_B).to(x_BTD.device, x_BTD.dtype)[:, None, None]
        mixed_BTD = share_B11 * x_BTD + (1 - share_B11) * other_BTD
        real_BT = frames_before(shorter_B, x_BTD.shape[1], x_BTD.device)
        return mixed_BTD * real_BT[:, :, None], share_B, shorter_B
