"""Features without some of their columns.

Shape suffixes: B batch, T frames, D feature dimension.

Reference: D. Povey et al., "The Kaldi speech recognition toolkit", ASRU 2011; its select-feats
does the same to archives.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import setting


@FRONT_ENDS.register("select_columns")
class SelectColumns(nn.Module):
    """Drops columns: by default the first, the energy, which only voice decisions need.

    >>> front_end = SelectColumns(SelectColumns.Config(drop=[0, -1]), in_dim=4)
    >>> front_end(torch.arange(4.0).view(1, 1, 4), None)[0]
    tensor([[[1., 2.]]])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        drop: list[int] = setting(
            [0], "columns that are dropped; the first is 0, the last is -1", minItems=1
        )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        unknown = [column for column in config.drop if not -in_dim <= column < in_dim]
        dropped = {column % in_dim for column in config.drop}
        if unknown or len(dropped) == in_dim:
            raise ConfigError(
                f"front-end 'select_columns': cannot drop {unknown or config.drop} of {in_dim}"
                f" columns. Name columns from 0 to {in_dim - 1}, and leave one."
            )
        self.kept = [column for column in range(in_dim) if column not in dropped]
        self.out_dim = len(self.kept)
        self.min_frames = self.frame_stride = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        return x_BTD[:, :, self.kept], mask_BT
