"""ReDimNet: views of a frame's values, sums of stages, and padding in all kinds of block."""

import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.model.encoders.redimnet import ReDimNet, WeightedSum, to_maps, to_values

torch.set_num_threads(1)


def test_with_half_the_bins_two_neighbouring_bins_share_one():
    """4 bins of 2 channels, named 10 * bin + channel, seen as 2 bins of 4 channels."""
    names_FC = 10 * torch.arange(4)[:, None] + torch.arange(2)
    x_BVT = to_values(names_FC.T[None, :, None])
    assert x_BVT.flatten().tolist() == [0, 1, 10, 11, 20, 21, 30, 31]
    assert torch.equal(to_maps(x_BVT, 2)[0, :, 0], names_FC.T)
    assert to_maps(x_BVT, 4)[0, :, 0, 1].tolist() == [20, 21, 30, 31]


def test_an_untrained_sum_is_the_mean_and_weights_are_softmax():
    weighted_sum = WeightedSum(2, 1)
    inputs = [torch.tensor([[[1.0]]]), torch.tensor([[[5.0]]])]
    assert weighted_sum(inputs).item() == 3
    weighted_sum.logits.data = torch.tensor([[[0.0]], [[3.0]]]).log()
    assert weighted_sum(inputs).item() == 5


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("kind", ["residual", "gated_residual", "convnext"])
def test_padding_matters_to_no_kind_of_block(kind, train):
    config = ReDimNet.Config(
        base_dim=4,
        kind=kind,
        bin_strides=(1, 2),
        num_blocks=(1, 1),
        expansions=(2, 1),
        reductions=(0, 4),
    )
    torch.manual_seed(1)
    encoder = ReDimNet(config, in_dim=7).train(train)
    x_BTD, num_frames_B = torch.randn(2, 40, 7), torch.tensor([[40], [21]])
    outputs = []
    for num_pads in (0, 9):
        mask_BT = torch.arange(40 + num_pads) < num_frames_B
        padded_BTD = torch.nn.functional.pad(x_BTD, (0, 0, 0, num_pads))
        y_BTC, _ = encoder(padded_BTD.masked_fill(~mask_BT[:, :, None], 0), mask_BT)
        outputs.append(y_BTC[mask_BT])
    assert outputs[0].shape[1] == encoder.out_dim == 4 * 8
    assert torch.allclose(*outputs, atol=1e-5)


def test_each_stage_has_all_its_numbers():
    message = "6 bin_strides, 2 num_blocks, 6 expansions and 6 reductions. Give one of each per"
    with pytest.raises(ConfigError, match=message):
        ReDimNet.Config(num_blocks=(1, 1))
