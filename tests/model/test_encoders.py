"""Encoders: receptive fields, and layers compared with values by hand and with torch."""

import pytest
import torch
import torch.nn.functional as F

from steps_py.model.encoders.e_tdnn import ETdnn
from steps_py.model.encoders.ecapa_tdnn import EcapaTdnn, Res2Layer
from steps_py.model.encoders.resnet import NUM_BLOCKS, ResNet
from steps_py.model.encoders.resnet20 import ResNet20
from steps_py.model.encoders.tdnn import Tdnn

torch.set_num_threads(1)


def frames_seen(encoder, frame, num_frames=60):
    """Input frames that an output frame depends on, with weights that let no ReLU be shut."""
    for weight in encoder.parameters():
        weight.data.abs_()
    x_BTD = torch.rand(1, num_frames, 3, requires_grad=True)
    encoder.eval()(x_BTD, None)[0][0, frame].sum().backward()
    return x_BTD.grad[0].abs().sum(dim=1).nonzero().flatten().tolist()


def test_the_receptive_field_of_tdnn_is_seven_frames_to_each_side():
    """Offsets of the first three layers: {-2..2} + {-2, 0, 2} + {-3, 0, 3} = -7..7."""
    encoder = Tdnn(Tdnn.Config(hidden_dim=8, out_dim=4), in_dim=3)
    assert frames_seen(encoder, 10) == list(range(10, 25))


def test_the_receptive_field_of_e_tdnn_is_eleven_frames_to_each_side():
    """{-2..2} + {-2, 0, 2} + {-3, 0, 3} + {-4, 0, 4} = -11..11."""
    encoder = ETdnn(ETdnn.Config(hidden_dim=8, out_dim=4), in_dim=3)
    assert frames_seen(encoder, 10) == list(range(10, 33))
    assert encoder.min_frames == 23
    assert len(encoder.layers) == 10


def test_the_tdnn_layer_is_a_dilated_convolution():
    """Oracle: torch's own conv1d with the same weights."""
    layer = Tdnn(Tdnn.Config(hidden_dim=5, out_dim=5), in_dim=3).eval().layers[0]
    x_BTD = torch.randn(2, 20, 3)
    weight = layer.affine.weight.view(5, 5, 3).transpose(1, 2)
    conv = F.conv1d(x_BTD.transpose(1, 2), weight, layer.affine.bias)
    expected = conv.relu().transpose(1, 2) / (1 + 1e-3) ** 0.5
    assert torch.allclose(layer(x_BTD), expected, atol=1e-6)


def test_res2net_convolves_each_group_with_the_result_before_it():
    """Identity convolutions of 1, 2 and 3, with the fourth group passed on: 1, 1 + 2, 1 + 2 + 3."""
    layer = Res2Layer(4, dilation=2, num_groups=4).eval()
    for conv_layer in layer.layers:
        conv_layer.conv.weight.data = torch.tensor([[[0.0, 1.0, 0.0]]])
        conv_layer.conv.bias.data.zero_()
        conv_layer.norm.eps = 0.0
    x_BCT = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 4, 1).expand(1, 4, 6)
    y_BCT = layer(x_BCT, None)
    assert y_BCT[0, :, 0].tolist() == [1, 3, 6, 4]
    assert torch.equal(y_BCT, y_BCT[:, :, :1].expand(1, 4, 6))


def test_ecapa_blocks_read_the_sum_of_all_before():
    """With blocks that give back their input x, 2x, 4x reach the last affine."""
    encoder = EcapaTdnn(EcapaTdnn.Config(hidden_dim=8, out_dim=24), in_dim=3).eval()
    for block in encoder.blocks:
        block.forward = lambda x_BCT, mask_BT: x_BCT
    encoder.last.weight.data = torch.eye(24)[:, :, None]
    encoder.last.bias.data.zero_()
    x_BTD = torch.randn(1, 9, 3)
    first_BTC = encoder.first(x_BTD.mT, None).mT.relu()
    expected = torch.cat([first_BTC, 2 * first_BTC, 4 * first_BTC], dim=2)
    assert torch.allclose(encoder(x_BTD, None)[0], expected, atol=1e-6)


def test_the_receptive_field_of_ecapa_has_dilations_2_3_and_4():
    """Seven convolutions of reach d a block: 2 + 7 (2 + 3 + 4) = 65 to each side, and the
    gates see the whole utterance, so that they are held at one value here."""
    encoder = EcapaTdnn(EcapaTdnn.Config(hidden_dim=16, out_dim=8), in_dim=3)
    for block in encoder.blocks:
        block.gate.forward = lambda x_BCT, mask_BT: x_BCT
    assert frames_seen(encoder, 70, num_frames=141) == list(range(5, 136))


@pytest.mark.parametrize("depth", sorted(NUM_BLOCKS))
def test_the_depth_of_a_resnet_counts_its_convolutions_and_one_affine(depth):
    """The shortcut's convolutions are not counted, and the affine is the embedding's."""
    with torch.device("meta"):
        encoder = ResNet(ResNet.Config(depth=depth, base_dim=4), in_dim=16)
    num_convs = 1 + sum(len(block.convs) for block in encoder.blocks)
    assert num_convs + 1 == depth
    assert encoder.out_dim == 4 * 8 * 2 * (1 if depth in (18, 34, 100) else 4)


@pytest.mark.parametrize("depth", [18, 50])
def test_a_resnet_block_adds_its_input_or_a_shortcut(depth):
    """Oracle: the formula with torch's functions, for a block of stride 2 and one of stride 1."""
    torch.manual_seed(0)
    encoder = ResNet(ResNet.Config(depth=depth, base_dim=4), in_dim=8).eval()
    strided = next(block for block in encoder.blocks if block.stride > 1)
    plain = encoder.blocks[1]

    def norm(x, layer):
        return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)

    for block in (plain, strided):
        x = torch.randn(2, block.convs[0].in_channels, 7, 6)
        y = x
        for i, (conv, conv_norm) in enumerate(zip(block.convs, block.norms, strict=True)):
            y = F.relu(y) if i else y
            y = norm(F.conv2d(y, conv.weight, None, conv.stride, conv.padding), conv_norm)
        short = x
        if block is strided:
            short = norm(F.conv2d(x, block.shortcut.weight, None, 2), block.shortcut_norm)
            assert y.shape[2:] == (4, 3)
        assert torch.allclose(block(x, None)[0], F.relu(y + short), atol=1e-5)


def test_the_thin_resnet_34_has_a_quarter_of_the_channels_and_can_average_bins():
    config = ResNet.Config(depth=34, base_dim=16, mean_over_bins=True)
    encoder = ResNet(config, in_dim=40).eval()
    x_BTD = torch.randn(1, 50, 40)
    assert encoder(x_BTD, None)[0].shape == (1, 7, 128)  # 50 -> 25 -> 13 -> 7 frames
    kept = ResNet(ResNet.Config(depth=34, base_dim=16), in_dim=40).eval()
    kept.load_state_dict(encoder.state_dict())
    bins_BTCF = kept(x_BTD, None)[0].unflatten(2, (128, 5))
    assert torch.allclose(bins_BTCF.mean(dim=3), encoder(x_BTD, None)[0], atol=1e-5)


def test_the_first_convolution_of_a_resnet_can_be_wide_and_halve_the_frames():
    """81 frames: 41 after the first convolution, 21, 11 and 6 after the stages."""
    fields = {"first_kernel_size": 5, "first_strides": (2, 1)}
    encoder = ResNet(ResNet.Config(depth=18, base_dim=2, **fields), in_dim=16).eval()
    x_BTD = torch.randn(2, 81, 16)
    mask_BT = torch.arange(81) < torch.tensor([[81], [50]])
    y_BTC, out_mask_BT = encoder(x_BTD.masked_fill(~mask_BT[:, :, None], 0), mask_BT)
    assert y_BTC.shape == (2, 6, 16 * 2)
    assert out_mask_BT.sum(dim=1).tolist() == [6, 4]  # 50: 25, 13, 7, 4
    alone_BTC, _ = encoder(x_BTD[1:, :50], None)
    assert torch.allclose(y_BTC[1:, :4], alone_BTC, atol=1e-5)


def test_squeeze_ratio_adds_gates_to_each_resnet_block():
    encoder = ResNet(ResNet.Config(depth=18, base_dim=8, squeeze_ratio=8), in_dim=8)
    assert [block.gate.squeeze.out_features for block in encoder.blocks] == [1, 1, 2, 2, 4, 4, 8, 8]


def test_resnet20_keeps_17_bins_of_257_and_19_frames_of_300():
    encoder = ResNet20(ResNet20.Config(base_dim=2), in_dim=257)
    y_BTC, _ = encoder(torch.randn(1, 300, 257), None)
    assert y_BTC.shape == (1, 19, 16 * 17)
    with torch.device("meta"):
        assert ResNet20(ResNet20.Config(), in_dim=257).out_dim == 8704


def test_resnet20_has_20_convolutions_prelu_after_each_and_no_batch_norm():
    encoder = ResNet20(ResNet20.Config(base_dim=2), in_dim=9)
    kinds = [type(module).__name__ for module in encoder.modules()]
    assert (kinds.count("Conv2d"), kinds.count("PReLU")) == (20, 20)
    assert not any("Norm" in kind for kind in kinds)


def test_a_resnet20_stage_by_its_formula():
    torch.manual_seed(0)
    stage = ResNet20(ResNet20.Config(base_dim=4), in_dim=9).stages[1]
    x = torch.randn(1, 4, 9, 7)
    slopes = [activation.weight for activation in stage.activations]
    y = F.prelu(F.conv2d(x, stage.first.weight, stage.first.bias, 2, 1), slopes[0])
    for i in (0, 2):
        z = F.prelu(F.conv2d(y, stage.convs[i].weight, None, 1, 1), slopes[i + 1])
        y = y + F.prelu(F.conv2d(z, stage.convs[i + 1].weight, None, 1, 1), slopes[i + 2])
    assert torch.allclose(stage(x, None)[0], y, atol=1e-6)
