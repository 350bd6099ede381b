"""Gaussian noise on the features, in training only.

Shape suffixes: B batch, T frames, D feature dimension, N numbers of the table.

Reference: J. Monteiro, J. Alam and T. H. Falk, "Combining speaker recognition and metric learning
for speaker-dependent representation learning", Interspeech 2019; their code draws one of two
deviations for half of the chunks.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.layers.masks import zero_padding
from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import Share, setting

TABLE_SIZE = 1 << 18  # normal numbers; a chunk's noise begins anywhere in the table


@FRONT_ENDS.register("gaussian_noise")
class GaussianNoise(nn.Module):
    """Adds noise of one of several standard deviations, drawn for each chunk like dropout.

    >>> front_end = GaussianNoise(GaussianNoise.Config(stds=[0.5]), in_dim=3)
    >>> x_BTD = torch.zeros(2, 4, 3)
    >>> bool((front_end.eval()(x_BTD, None)[0] == 0).all())
    True
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        stds: list[float] = setting(
            [0.1, 0.01], "standard deviations in units of the features; one is drawn", minItems=1
        )
        probability: Share = setting(0.5, "that a chunk gets noise")

        def __post_init__(self):
            if min(self.stds) < 0:
                raise ConfigError(
                    f"front-end 'gaussian_noise': a standard deviation in {self.stds} is below 0."
                    " Use 0 or more."
                )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.stds, self.probability, self.out_dim = config.stds, config.probability, in_dim
        self.min_frames = self.frame_stride = 1
        table_N = torch.randn(TABLE_SIZE, generator=torch.Generator().manual_seed(0))
        self.register_buffer("table_N", table_N, persistent=False)

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if not self.training:
            return x_BTD, mask_BT
        num_chunks, num_frames, num_dims = x_BTD.shape
        is_noisy_B = torch.rand(num_chunks, device=x_BTD.device) < self.probability
        drawn_B = torch.randint(len(self.stds), (num_chunks,), device=x_BTD.device)
        std_B = x_BTD.new_tensor(self.stds)[drawn_B] * is_noisy_B
        # what is drawn does not depend on the padding
        start_B = torch.randint(TABLE_SIZE, (num_chunks,), device=x_BTD.device)
        offset_TD = torch.arange(num_frames * num_dims, device=x_BTD.device).view(-1, num_dims)
        noise_BTD = self.table_N[(start_B[:, None, None] + offset_TD) % TABLE_SIZE]
        noisy_BTD = x_BTD + std_B[:, None, None] * noise_BTD
        return zero_padding(noisy_BTD.mT, mask_BT).mT, mask_BT
