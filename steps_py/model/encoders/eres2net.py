"""ERes2Net: Res2Net with attentive fusion inside blocks and between stages.

Shape suffixes: B batch, T frames, D feature dimension, C channels, F frequency bins.

References: Y. Chen et al., "An enhanced Res2Net with local and global feature fusion for speaker
verification", Interspeech 2023, figure 1 and table 1; Y. Chen et al., "ERes2NetV2: Boosting
short-duration speaker verification performance with computational efficiency", Interspeech 2024.
"""

from dataclasses import dataclass

import torch
from torch import nn

from steps_py.model.layers.attentive_fusion import AttentiveFusion
from steps_py.model.layers.conv import ConvNorm2d
from steps_py.model.layers.res2_block import clipped_relu, make_res2_stages
from steps_py.model.registries import ENCODERS
from steps_py.settings.declare import Count, setting

FIRST_FUSED_STAGE = 2  # from the third stage on, groups of a block are fused by attention


@ENCODERS.register("eres2net")
class ERes2Net(nn.Module):
    """Four stages of Res2Net blocks; their outputs are fused from the first to the last.

    All stages but the first halve frames and bins, and so does the convolution before each
    fusion.  `base_dim` 32 is the paper's base network, 64 its large one.  The second version has
    `base_dim` 64, `group_width` 26 and `first_fused_output` 3, and in its large form 24 with
    `scale` and `expansion` 4.

    >>> encoder = ERes2Net(ERes2Net.Config(base_dim=4), in_dim=24)
    >>> encoder(torch.zeros(2, 20, 24), None)[0].shape    # 64 channels of 3 bins
    torch.Size([2, 3, 192])
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        base_dim: Count = 32
        num_blocks: tuple[Count, Count, Count, Count] = setting(
            (3, 4, 6, 3), "blocks of each stage"
        )
        group_width: Count = setting(32, "channels of a group for each 64 of the stage's width")
        scale: int = setting(2, "groups of a block", minimum=2)
        expansion: Count = setting(2, "channels of a block's output per channel of its width")
        first_fused_output: int = setting(
            1, "first stage, from 1, whose output is fused with the next", minimum=1, maximum=3
        )

    def __init__(self, config: Config, in_dim: int):
        super().__init__()
        self.first = ConvNorm2d(1, config.base_dim)
        stages = make_res2_stages(config, first_fused=FIRST_FUSED_STAGE)
        self.stages = nn.ModuleList(nn.ModuleList(blocks) for blocks in stages)
        self.halvings, self.fusions = nn.ModuleList(), nn.ModuleList()
        self.first_fused = config.first_fused_output - 1
        dims = [config.base_dim * 2**stage * config.expansion for stage in range(len(stages))]
        for dim in dims[self.first_fused + 1 :]:
            self.halvings.append(
                nn.Conv2d(dim // 2, dim, kernel_size=3, stride=2, padding=1, bias=False)
            )
            self.fusions.append(AttentiveFusion(dim))
        num_bins = -(-in_dim // 2 ** (len(stages) - 1))
        self.out_dim = dims[-1] * num_bins
        self.min_frames = 1

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T, D) -> frames (B, T / 8 rounded up, C); padding of the input is 0."""
        x_BCTF, mask_BT = self.first(x_BTD[:, None], mask_BT)
        x_BCTF = fused_BCTF = clipped_relu(x_BCTF)
        for stage, blocks in enumerate(self.stages):
            for block in blocks:
                x_BCTF, mask_BT = block(x_BCTF, mask_BT)
            number = stage - self.first_fused - 1
            if number < 0:
                fused_BCTF = x_BCTF
            else:
                halved_BCTF = self.halvings[number](fused_BCTF)
                fused_BCTF = self.fusions[number](x_BCTF, halved_BCTF, mask_BT)
        return fused_BCTF.transpose(1, 2).contiguous().flatten(2), mask_BT
