"""CutMix along time."""

from dataclasses import dataclass

import numpy as np
import torch

from steps_py.model.registries import MIXES
from steps_py.settings.declare import setting
from steps_py.training.mixes.base import Mix, MixConfig, frames_before


@MIXES.register("cutmix")
class CutMix(Mix):
    r"""A range of frames replaced by the same frames of another chunk.

    .. math:: L = \lambda L(x, y_a) + (1 - \lambda) L(x, y_b)

    where lambda is the share of the frames that stay.  The length of the range is 1 - a share from
    Beta(alpha, alpha) of the shorter one of the two chunks, its place in it uniform.

    S. Yun et al., "CutMix: Regularization strategy to train strong classifiers with localizable
    features", ICCV 2019, equations (1) and (2), of frames instead of image regions.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(MixConfig):
        alpha: float = setting(
            1.0, "of the Beta distribution of shares; 1: uniform", exclusiveMinimum=0
        )

    def mix(
        self,
        x_BTD: torch.Tensor,
        other_BTD: torch.Tensor,
        share_B: np.ndarray,
        place_B: np.ndarray,
        length_B: np.ndarray,
        other_length_B: np.ndarray,
    ) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
        shorter_B = np.minimum(length_B, other_length_B)
        cut_B = np.rint((1 - share_B) * shorter_B).astype(np.int64)
        start_B = np.floor(place_B * (shorter_B - cut_B + 1)).astype(np.int64)
        size = x_BTD.shape[1]
        before_BT, until_BT = (
            frames_before(frames_B, size, x_BTD.device) for frames_B in (start_B, start_B + cut_B)
        )
        mixed_BTD = torch.where((until_BT & ~before_BT)[:, :, None], other_BTD, x_BTD)
        return mixed_BTD, 1 - cut_B / length_B, length_B
