"""SmoothGrad."""

from dataclasses import dataclass

import torch

from steps_py.attribution.methods.base import METHODS, Attribution, Method
from steps_py.settings.declare import Count, Seed, setting


@METHODS.register("smoothgrad")
class SmoothGrad(Method):
    """The mean gradient of copies with Gaussian noise.

    D. Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_copies: Count = setting(25)
        noise_share: float = setting(
            0.15, "standard deviation of the noise, of the features' range", minimum=0
        )
        seed: Seed = setting(1)

    def attribute(self, explained):
        chance = torch.Generator().manual_seed(self.config.seed)
        x_TD, num = explained.x_TD, self.config.num_copies
        scale = self.config.noise_share * float(x_TD.max() - x_TD.min())
        copies = (
            x_TD + scale * torch.randn(x_TD.shape, generator=chance, dtype=x_TD.dtype)
            for _ in range(num)
        )
        return Attribution(explained.mean_gradient(copies, [1 / num] * num))
