"""Variants of the time-delay network: blocks and gates by their formulas."""

import pytest
import torch
import torch.nn.functional as F

from steps_py.errors import ConfigError
from steps_py.model.encoders.ret_tdnn import FrameAndChannelGate, RetTdnn, ShuffleBlock
from steps_py.model.encoders.tdnn import Tdnn
from steps_py.model.encoders.tdnn_aspp import Pyramid
from steps_py.model.encoders.tdnn_attention import TdnnAttention
from steps_py.model.encoders.tdnn_multi_level import TdnnMultiLevel

torch.set_num_threads(1)
SMALL = {"hidden_dim": 4, "out_dim": 6, "num_groups": 2}


def one_stage(**fields):
    config = RetTdnn.Config(kernel_sizes=(3,), strides=(1,), num_blocks=(1,), **SMALL | fields)
    torch.manual_seed(0)
    return RetTdnn(config, in_dim=3).eval()


def test_a_basic_block_adds_its_input_after_the_last_norm():
    """Zhang et al., without statistics: x + relu(conv(relu(conv(x)))) / sqrt(1 + eps)^2."""
    block, x = one_stage().layers[1], torch.randn(2, 4, 9)
    first, second = (layer.conv for layer in block.layers)
    norm = (1 + 1e-5) ** -0.5
    y = F.conv1d(x, first.weight, first.bias, padding=1).relu() * norm
    y = F.conv1d(y, second.weight, second.bias, padding=1).relu() * norm
    assert torch.allclose(block(x, None)[0], x + y, atol=1e-6)


def test_with_norm_first_the_input_is_added_before_the_last_relu():
    block, x = one_stage(norm_first=True).layers[1], torch.randn(2, 4, 9)
    first, second = (layer.conv for layer in block.layers)
    norm = (1 + 1e-5) ** -0.5
    y = (F.conv1d(x, first.weight, padding=1) * norm).relu()
    y = F.conv1d(y, second.weight, padding=1) * norm
    assert torch.allclose(block(x, None)[0], (x + y).relu(), atol=1e-6)


@pytest.mark.parametrize(
    "block, sizes",
    [
        ("bottleneck", [(4, 4, 1, 1), (4, 4, 3, 1), (4, 4, 1, 1)]),
        ("aggregate", [(4, 4, 1, 1), (4, 8, 3, 2), (8, 4, 1, 1)]),
    ],
)
def test_blocks_of_three_layers(block, sizes):
    convs = [layer.conv for layer in one_stage(block=block).layers[1].layers]
    got = [(c.in_channels, c.out_channels, *c.kernel_size, c.groups) for c in convs]
    assert got == sizes


def test_a_gate_of_frames_and_channels_by_hand():
    """Convolutions that pass on their centre, doubled: sigmoid(2 mean) of row and of column."""
    gate = FrameAndChannelGate()
    for conv in (gate.frames, gate.channels):
        conv.weight.data = F.one_hot(torch.tensor([[3]]), 7) * 2.0
        conv.bias.data.zero_()
    x = torch.tensor([[[1.0, 2.0], [3.0, 6.0]]])
    frames, channels = torch.tensor([2.0, 4.0]), torch.tensor([1.5, 4.5])
    expected = x * ((2 * frames).sigmoid()[None] + (2 * channels).sigmoid()[:, None]) / 2
    assert torch.allclose(gate(x, None), expected)


def test_a_shuffle_block_passes_half_of_the_channels_on_and_interleaves_them():
    block, x = ShuffleBlock(6).eval(), torch.randn(2, 6, 9)
    y, _ = block(x, None)
    assert torch.equal(y[:, 0::2], x[:, :3])
    assert not torch.equal(y[:, 1::2], x[:, 3:])


@pytest.mark.parametrize("strides, num_out", [((1, 1), 9), ((2, 1), 4), ((2, 2), 2)])
def test_strides_of_a_ret_tdnn(strides, num_out):
    """13 frames, kernels of 3: 11 and 9; with stride 2 first 6 and 4; or 6 and 2."""
    config = RetTdnn.Config(kernel_sizes=(3, 3), strides=strides, num_blocks=(1, 1), **SMALL)
    encoder = RetTdnn(config, in_dim=3)
    y_BTC, mask_BT = encoder(torch.randn(1, 13, 3), torch.ones(1, 13).bool())
    assert y_BTC.shape == (1, num_out, 6)
    assert mask_BT.shape == (1, num_out)
    shortest_BTC, _ = encoder.eval()(torch.randn(1, encoder.min_frames, 3), None)
    assert shortest_BTC.shape[1] == 1


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"strides": (1,)}, "4 kernel_sizes, 1 strides and 4 num_blocks"),
        ({"block": "aggregate", "hidden_dim": 40}, "not a multiple of num_groups, 32"),
        ({"block": "shuffle", "hidden_dim": 5}, "Set it to an even number"),
    ],
)
def test_sizes_that_a_ret_tdnn_cannot_have_are_errors(fields, message):
    with pytest.raises(ConfigError, match=message):
        RetTdnn.Config(**fields)


def test_heads_must_divide_the_channels_of_a_tdnn_with_attention():
    with pytest.raises(ConfigError, match="out_dim is 1500, not a multiple of num_heads, 7"):
        TdnnAttention.Config(num_heads=7)


def test_a_pyramid_sees_frames_at_its_dilations_and_the_mean():
    """A 1 among zeros is seen by frames 0, 2 and 5 apart, and by all through the mean."""
    torch.manual_seed(0)
    pyramid = Pyramid(1, 1, (2, 5)).eval()
    for weight in pyramid.parameters():
        weight.data = torch.ones_like(weight) if weight.ndim > 1 else weight.data.abs()
    x = F.one_hot(torch.tensor([[6]]), 13).float()
    y = pyramid(x, None)[0, 0]
    seen = (y > y.min() + 0.5).nonzero().flatten().tolist()
    assert seen == [1, 4, 6, 8, 11]
    assert y.min() > 0


def test_the_levels_of_a_tdnn_are_its_layers_cut_to_the_frames_of_the_last():
    torch.manual_seed(0)
    encoder = TdnnMultiLevel(TdnnMultiLevel.Config(hidden_dim=4, out_dim=6), in_dim=3).eval()
    x_BTD = torch.randn(2, 20, 3)
    y_BTC, _ = encoder(x_BTD, None)
    first_BTC = encoder.layers[0](x_BTD)
    assert first_BTC.shape[1] == 16
    assert torch.equal(y_BTC[:, :, :4], first_BTC[:, 5:11])
    assert torch.equal(y_BTC[:, :, -6:], Tdnn.forward(encoder, x_BTD, None)[0])
