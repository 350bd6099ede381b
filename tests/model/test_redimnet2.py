"""ReDimNet2: strides over frames, what stages pass on, group norm of real frames."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.encoders.redimnet2 import ReDimNet2
from steps_py.model.layers.norm import MaskedGroupNorm

torch.set_num_threads(1)
SMALL = {
    "base_dim": 4,
    "bin_strides": (1, 2),
    "frame_strides": (2, 2),
    "num_blocks": (1, 1),
    "expansions": (2, 0.5),
    "reductions": (4, 4),
}


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_padding_matters_not_even_inside_four_frames(train):
    """Frames go in fours; 21 of them end inside one four, and batches in others."""
    config = ReDimNet2.Config(
        **SMALL, both_outputs=True, group_norm=True, out_dim=3, out_per_bin=True
    )
    torch.manual_seed(1)
    encoder = ReDimNet2(config, in_dim=7).train(train)
    x_BTD, num_frames_B = torch.randn(2, 40, 7), torch.tensor([[40], [21]])
    outputs = []
    for num_pads in (0, 9):
        mask_BT = torch.arange(40 + num_pads) < num_frames_B
        padded_BTD = F.pad(x_BTD, (0, 0, 0, num_pads)).masked_fill(~mask_BT[:, :, None], 0)
        y_BTC, out_mask_BT = encoder(padded_BTD, mask_BT)
        assert torch.equal(out_mask_BT, mask_BT)
        outputs.append(y_BTC[mask_BT])
    assert outputs[0].shape[1] == encoder.out_dim == 3 * 4
    assert torch.allclose(*outputs, atol=1e-5)


def test_a_stage_repeats_each_of_its_frames():
    """Strides of 2 and 2: the first stage's frames come in pairs, the second's in fours."""
    config = ReDimNet2.Config(**SMALL)
    encoder = ReDimNet2(config, in_dim=8).eval()
    x_BVT, real_BT = torch.randn(1, 32, 12), torch.ones(1, 12).bool()
    for stage, length in zip(encoder.stages, (2, 4), strict=True):
        (y_BVT,) = stage(x_BVT, real_BT)
        runs = y_BVT.unflatten(2, (-1, length))
        assert y_BVT.shape == x_BVT.shape
        assert torch.equal(runs, runs[..., :1].expand_as(runs))
        assert not torch.equal(runs[:, :, 0], runs[:, :, 1])


def test_with_both_outputs_a_stage_passes_on_its_maps_as_well():
    """With a block over frames that adds 5, the second output is the first plus 5."""
    encoder = ReDimNet2(ReDimNet2.Config(**SMALL, both_outputs=True), in_dim=8).eval()
    stage = encoder.stages[0]
    stage.context.forward = lambda x_BVT, mask_BT: x_BVT + 5
    first, second = stage(torch.randn(1, 32, 12), torch.ones(1, 12).bool())
    assert torch.equal(second, first + 5)
    assert encoder.sums[0].logits.shape[0] == 3  # of the first layer and of both


def test_the_affine_of_each_bin_is_a_convolution_of_its_channels():
    config = ReDimNet2.Config(**SMALL, out_dim=3, out_per_bin=True)
    encoder = ReDimNet2(config, in_dim=8)
    x_BVT = torch.randn(1, 32, 5)  # 4 bins of 8 channels
    expected = encoder.last(x_BVT[:, 8:16])
    assert torch.allclose(encoder._last_affine(x_BVT)[:, 3:6], expected, atol=1e-6)


def test_group_norm_without_padding_is_that_of_torch():
    torch.manual_seed(0)
    norm, x_BCT = MaskedGroupNorm(2, 6), torch.randn(3, 6, 5)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    expected = F.group_norm(x_BCT, 2, norm.weight, norm.bias)
    assert torch.allclose(norm(x_BCT, torch.ones(3, 5).bool()), expected, atol=1e-5)


def test_each_stage_has_all_its_numbers():
    message = "6 bin_strides, 6 frame_strides, 2 num_blocks, 6 expansions and 6 reductions"
    with pytest.raises(ConfigError, match=message):
        ReDimNet2.Config(num_blocks=(1, 1))
