"""ResCNN, LoResNet, the residual and side-information x-vectors, the dense network."""

import pytest
import torch
import torch.nn.functional as F

from steps_py.errors import ConfigError
from steps_py.model.encoders.dense import Dense
from steps_py.model.encoders.lo_resnet import LoResNet, bands_of
from steps_py.model.encoders.rescnn import ResCnn
from steps_py.model.encoders.tdnn_residual import TdnnResidual
from steps_py.model.encoders.tdnn_side import TdnnSide
from steps_py.model.layers.strided_stage import StridedStage

torch.set_num_threads(1)


def test_a_stage_by_its_formula():
    """Deep Speaker, figure 2: a strided convolution, then x + conv(relu(conv(x))), norms apart."""
    torch.manual_seed(0)
    stage = StridedStage(2, 4, 1, torch.relu).eval()
    x, norm = torch.randn(2, 2, 9, 6), (1 + 1e-5) ** -0.5
    y = (F.conv2d(x, stage.first.conv.weight, stride=2, padding=2) * norm).relu()
    (block,) = stage.blocks
    z = (F.conv2d(y, block.first.conv.weight, padding=1) * norm).relu()
    z = (y + F.conv2d(z, block.second.conv.weight, padding=1) * norm).relu()
    assert torch.allclose(stage(x, None)[0], z, atol=1e-6)


def test_rescnn_keeps_2048_values_of_64_features_and_cuts_them_at_20():
    with torch.device("meta"):
        assert ResCnn(ResCnn.Config(), in_dim=64).out_dim == 2048
    encoder = ResCnn(ResCnn.Config(base_dim=2, num_blocks=(1,)), in_dim=8).eval()
    y_BTC, _ = encoder(1e6 * torch.randn(1, 9, 8), None)
    assert (y_BTC.min(), y_BTC.max()) == (0, 20)


def test_bands_of_lo_resnet_are_those_of_adaptive_pooling():
    """Its public code uses AdaptiveAvgPool2d((None, 4)); 161 bins have become 21."""
    x = torch.randn(1, 21)
    means = torch.stack([x[0, start:end].mean() for start, end in bands_of(21, 4)])
    assert torch.allclose(means, F.adaptive_avg_pool1d(x, 4)[0], atol=1e-6)
    encoder = LoResNet(LoResNet.Config(base_dim=2), in_dim=161)
    assert encoder.bands == bands_of(21, 4)
    assert encoder(torch.randn(1, 20, 161), None)[0].shape == (1, 3, 8 * 4)


def test_layers_of_the_residual_x_vector_read_the_two_before_them():
    """With layers that keep the middle of their input: 1, 1, 1 + 1, 2 + 1, 3 + 2 times it."""
    encoder = TdnnResidual(TdnnResidual.Config(hidden_dim=3, out_dim=3), in_dim=3)
    for layer in encoder.layers:
        layer.forward = lambda x_BTC, mask_BT, reach=layer.span // 2: x_BTC[
            :, reach : x_BTC.shape[1] - reach
        ]
    x_BTD = torch.randn(1, 20, 3)
    assert torch.allclose(encoder(x_BTD, None)[0], 5 * x_BTD[:, 7:13], atol=1e-6)


def test_side_information_moves_each_layer_before_its_relu():
    """Layers without context: relu(W x + b + V s) / sqrt(1 + eps)."""
    config = TdnnSide.Config(
        hidden_dim=4, out_dim=5, kernel_sizes=(1, 1), dilations=(1, 1), num_side_features=2
    )
    torch.manual_seed(0)
    encoder = TdnnSide(config, in_dim=5).eval()
    side_S = torch.tensor([1.0, -2.0])
    x_TD = torch.randn(6, 3)
    y = x_TD
    for layer, side in zip(encoder.layers, encoder.side_affines, strict=True):
        y = (layer.affine(y) + side.weight @ side_S).relu() / (1 + 1e-3) ** 0.5
    x_BTD = torch.cat([x_TD, side_S.expand(6, 2)], dim=1)[None]
    assert torch.allclose(encoder(x_BTD, None)[0][0], y, atol=1e-6)


def test_side_information_alone_is_an_error():
    with pytest.raises(ConfigError, match="num_side_features is 3 of 3 features"):
        TdnnSide(TdnnSide.Config(num_side_features=3), in_dim=3)


def test_the_dense_network_stacks_ten_frames_every_third():
    """39 features make 390: the matrix of the affine, row by row of frames."""
    encoder = Dense(Dense.Config(out_dim=4), in_dim=39)
    x_TD = torch.randn(16, 39)
    y_TC = encoder(x_TD[None], None)[0][0]
    matrix = encoder.affine.weight.transpose(1, 2).reshape(4, 390)
    expected = [
        torch.sigmoid(matrix @ x_TD[t : t + 10].flatten() + encoder.affine.bias) for t in (0, 3, 6)
    ]
    assert torch.allclose(y_TC, torch.stack(expected), atol=1e-5)
    assert sum(p.numel() for p in Dense(Dense.Config(), in_dim=39).parameters()) == 390 * 200 + 200
