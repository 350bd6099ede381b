"""Transformer and MFA-Conformer: attention by its formulas, subsampling, what blocks pass on."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from steps_py.errors import ConfigError
from steps_py.model.encoders.mfa_conformer import ConvModule, MfaConformer
from steps_py.model.encoders.transformer import Transformer
from steps_py.model.layers.attention import (
    AttentionLayer,
    MultiHeadAttention,
    RelativeAttention,
    sinusoids,
)
from steps_py.model.layers.subsampling import ConvSubsampling

torch.set_num_threads(1)
MASK_BT = torch.arange(7) < torch.tensor([[7], [4]])


def projections(layer):
    """Weights and biases of query, key and value one below the other, as torch has them."""
    parts = (layer.query, layer.key, layer.value)
    return torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])


def test_attention_is_that_of_torch():
    torch.manual_seed(0)
    layer, x_BTC = MultiHeadAttention(8, num_heads=2), torch.randn(2, 7, 8)
    oracle = nn.MultiheadAttention(8, 2, batch_first=True)
    oracle.in_proj_weight.data, oracle.in_proj_bias.data = projections(layer)
    oracle.out_proj = layer.out
    expected, _ = oracle(x_BTC, x_BTC, x_BTC, key_padding_mask=~MASK_BT)
    assert torch.allclose(layer(x_BTC, MASK_BT), expected, atol=1e-6)


def test_a_layer_of_attention_is_that_of_torch():
    torch.manual_seed(0)
    layer, x_BTC = AttentionLayer(8, num_heads=2, hidden_dim=12), torch.randn(2, 7, 8)
    oracle = nn.TransformerEncoderLayer(8, 2, dim_feedforward=12, dropout=0, batch_first=True)
    oracle.self_attn.in_proj_weight.data, oracle.self_attn.in_proj_bias.data = projections(layer)
    oracle.self_attn.out_proj = layer.out
    oracle.linear1, oracle.linear2 = layer.widen, layer.narrow
    expected = oracle(x_BTC, src_key_padding_mask=~MASK_BT)
    assert torch.allclose(layer(x_BTC, MASK_BT)[MASK_BT], expected[MASK_BT], atol=1e-5)


def test_relative_attention_pair_by_pair():
    """Transformer-XL, section 3.3: (q_i + u) k_j + (q_i + v) W r(i - j), for one head."""
    torch.manual_seed(0)
    layer, x_TC = RelativeAttention(4, num_heads=1), torch.randn(5, 4)
    layer.content_bias.data.normal_()
    layer.distance_bias.data.normal_()
    u, v = layer.content_bias.flatten(), layer.distance_bias.flatten()
    logits_TT = torch.zeros(5, 5)
    for i, j in ((i, j) for i in range(5) for j in range(5)):
        distance = sinusoids(torch.tensor([i - j]), 4)[0]
        query, key = layer.query(x_TC[i]), layer.key(x_TC[j])
        logits_TT[i, j] = ((query + u) @ key + (query + v) @ layer.distance(distance)) / 2
    expected = layer.out(logits_TT.softmax(dim=1) @ layer.value(x_TC))
    assert torch.allclose(layer(x_TC[None], None)[0], expected, atol=1e-6)


def test_sinusoids_have_wavelengths_in_geometric_progression():
    """Vaswani et al., section 3.5: sin(p / 10000^(2i/d)), cos of the same."""
    code_TC = sinusoids(torch.tensor([0, 3, -3]), 4)
    expected = [math.sin(3), math.cos(3), math.sin(0.03), math.cos(0.03)]
    assert code_TC[1].tolist() == pytest.approx(expected)
    assert code_TC[0].tolist() == [0, 1, 0, 1]
    assert torch.allclose(code_TC[2] * torch.tensor([-1, 1, -1, 1]), code_TC[1])


@pytest.mark.parametrize("factor, lengths", [(2, {3: 1, 4: 1, 5: 2}), (4, {7: 1, 10: 1, 11: 2})])
def test_subsampling_keeps_frames_whose_whole_context_exists(factor, lengths):
    layer = ConvSubsampling(8, 4, factor)
    for num_frames, num_left in lengths.items():
        x_BTD = torch.randn(1, 12, 8)
        mask_BT = torch.arange(12)[None] < num_frames
        y_BTC, left_BT = layer(x_BTD, mask_BT)
        alone_BTC, _ = layer(x_BTD[:, :num_frames], None)
        assert left_BT.sum() == alone_BTC.shape[1] == num_left
        assert torch.allclose(y_BTC[:, :num_left], alone_BTC, atol=1e-6)


def test_subsampling_of_too_few_features_is_an_error():
    with pytest.raises(ConfigError, match="needs 7 features or more; there are 5"):
        Transformer(Transformer.Config(hidden_dim=8), in_dim=5)


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("hidden_dim", 30, "not an even multiple of num_heads, 4"),
        ("kernel_size", 4, "Set it to an odd number"),
    ],
)
def test_widths_that_cannot_be_are_errors(key, value, message):
    with pytest.raises(ConfigError, match=message):
        MfaConformer.Config(**{key: value})


def test_a_convolution_module_by_its_formula():
    """Gulati et al., figure 2, without the norm at its start: GLU, depthwise, norm, swish."""
    torch.manual_seed(0)
    layer, x_BTC = ConvModule(4, kernel_size=3, norm="batch").eval(), torch.randn(1, 6, 4)
    left, right = layer.enter(x_BTC).chunk(2, dim=2)
    gated_BTC = F.pad(left * right.sigmoid(), (0, 0, 1, 1))
    weight_KC = layer.conv.weight[:, 0].T
    conv_BTC = sum(gated_BTC[:, k : k + 6] * weight_KC[k] for k in range(3)) + layer.conv.bias
    normed_BTC = conv_BTC / math.sqrt(1 + 1e-5)
    expected = layer.leave(normed_BTC * normed_BTC.sigmoid())
    assert torch.allclose(layer(x_BTC, None), expected, atol=1e-6)


@pytest.mark.parametrize("output", ["last", "weighted", "all"])
def test_the_output_is_the_last_block_an_average_or_all_blocks(output):
    """Blocks that add 1 and 3 to 0: the outputs are 1 and 4, their average is 2.5."""
    config = MfaConformer.Config(hidden_dim=4, feed_forward_dim=4, num_blocks=2, output=output)
    encoder = MfaConformer(config, in_dim=8).eval()
    encoder.last_norm = nn.Identity()
    encoder.subsampling.affine = nn.Linear(12, 4)
    nn.init.zeros_(encoder.subsampling.affine.weight)
    nn.init.zeros_(encoder.subsampling.affine.bias)
    for block, number in zip(encoder.blocks, (1, 3), strict=True):
        block.forward = lambda x_BTC, mask_BT, number=number: x_BTC + number
    y_BTC, _ = encoder(torch.randn(1, 9, 8), None)
    expected = {"last": [4] * 4, "weighted": [2.5] * 4, "all": [1] * 4 + [4] * 4}[output]
    assert y_BTC[0, 0].tolist() == expected
    assert encoder.out_dim == len(expected)


@pytest.mark.parametrize("positions", ["none", "absolute", "relative", "rotary"])
def test_only_with_positions_does_the_order_of_frames_matter(positions):
    """Without subsampling, frames in reverse order give the reversed output of attention."""
    config = Transformer.Config(hidden_dim=8, feed_forward_dim=8, num_blocks=1, positions=positions)
    torch.manual_seed(0)
    encoder = Transformer(config, in_dim=8).eval()
    encoder.subsampling.forward = lambda x_BTD, mask_BT: (x_BTD, mask_BT)
    x_BTD = torch.randn(1, 5, 8)
    reversed_BTC, _ = encoder(x_BTD.flip(1), None)
    same = torch.allclose(reversed_BTC.flip(1), encoder(x_BTD, None)[0], atol=1e-5)
    assert same == (positions == "none")
