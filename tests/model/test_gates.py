"""Gates of residual blocks, and fusion of maps: values by hand and padding."""

import math

import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.model.encoders.eres2net import ERes2Net
from steps_py.model.encoders.resnet import ResNet
from steps_py.model.layers.attentive_fusion import AttentiveFusion
from steps_py.model.layers.cbam import Cbam
from steps_py.model.layers.masks import zero_padding
from steps_py.model.layers.simam import SimAm

torch.set_num_threads(1)
MASK_BT = torch.tensor([[True] * 3, [True, True, False]])


def test_simam_by_hand():
    """0, 0, 3, 3: mean 1.5, squares 2.25, variance 9 / 3 = 3."""
    x_BCTF = torch.tensor([[0.0, 3.0], [0.0, 3.0]]).view(1, 1, 2, 2)
    gate = 1 / (1 + math.exp(-(2.25 / (4 * (3 + 1e-4)) + 0.5)))
    expected = [0, 3 * gate, 0, 3 * gate]
    assert SimAm()(x_BCTF).flatten().tolist() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("gate", [SimAm(), Cbam(4, hidden_dim=2)], ids=["simam", "cbam"])
def test_a_gate_ignores_padding_and_keeps_it_0(gate):
    x_BCTF = zero_padding(torch.randn(2, 4, 3, 5) - 2, MASK_BT)
    y_BCTF = gate.eval()(x_BCTF, MASK_BT)
    assert torch.allclose(y_BCTF[1:, :, :2], gate(x_BCTF[1:, :, :2]), atol=1e-6)
    assert torch.equal(y_BCTF[1, :, 2], torch.zeros(4, 5))
    assert not torch.allclose(y_BCTF[:1], x_BCTF[:1])


def test_cbam_by_hand():
    """One channel of 1 and 3: gate sigmoid(2 + 3) of the channel; a convolution of 0: half."""
    gate = Cbam(1, hidden_dim=1).eval()
    for layer in (gate.squeeze, gate.excite):
        layer.weight.data.fill_(1)
        layer.bias.data.zero_()
    gate.places.conv.weight.data.zero_()
    y = gate(torch.tensor([1.0, 3.0]).view(1, 1, 2, 1)).flatten()
    assert torch.allclose(y, torch.sigmoid(torch.tensor(5.0)) * torch.tensor([0.5, 1.5]))


def test_an_untrained_fusion_of_nothing_but_biases_is_the_sum():
    fusion = AttentiveFusion(8).eval()
    torch.nn.init.zeros_(fusion.excite.weight)
    torch.nn.init.zeros_(fusion.excite.bias)
    x, y = torch.randn(2, 2, 8, 3, 5)
    assert torch.allclose(fusion(x, y, None), x + y, atol=1e-6)


@pytest.mark.parametrize(
    "encoder",
    [
        ResNet(ResNet.Config(depth=18, base_dim=4, gate="cbam", squeeze_ratio=2), in_dim=8),
        ResNet(ResNet.Config(depth=18, base_dim=4, gate="simam"), in_dim=8),
        ERes2Net(
            ERes2Net.Config(base_dim=8, num_blocks=(1,) * 4, scale=4, first_fused_output=3),
            in_dim=8,
        ),
    ],
    ids=["cbam", "simam", "eres2net_v2"],
)
def test_options_of_encoders_ignore_padding_in_training(encoder):
    x_BTD, num_frames_B = torch.randn(2, 60, 8), torch.tensor([[60], [37]])
    torch.manual_seed(1)
    outputs = []
    for num_pads in (0, 9):
        padded_BTD = torch.nn.functional.pad(x_BTD, (0, 0, 0, num_pads))
        mask_BT = torch.arange(60 + num_pads) < num_frames_B
        padded_BTD = padded_BTD.masked_fill(~mask_BT[:, :, None], 0)
        y_BTC, mask_BT = encoder.train()(padded_BTD, mask_BT)
        outputs.append(y_BTC[mask_BT])
    assert torch.allclose(*outputs, atol=1e-4)


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"gate": "cbam"}, "squeeze_ratio is 0, which is no gate"),
        ({"gate": "simam", "squeeze_ratio": 8}, "Remove one of them"),
    ],
)
def test_keys_of_a_gate_that_contradict_each_other(keys, message):
    with pytest.raises(ConfigError, match=message):
        ResNet.Config(**keys)
