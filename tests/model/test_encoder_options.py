"""Options that make an encoder or a pooling another published network: padding, and formulas."""

import pytest
import torch
import torch.nn.functional as F

from steps_py.errors import ConfigError
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.encoders.d_tdnn_ss import SelectedConv
from steps_py.model.encoders.f_tdnn_bypass import BypassedLayer
from steps_py.model.encoders.resnet import ResNet
from steps_py.model.layers.attention import RotaryAttention
from steps_py.model.layers.frame_bin_gate import FrameBinGate
from steps_py.model.layers.subsampling import ConvSubsampling
from steps_py.model.registries import ENCODERS, POOLINGS
from tests.support.masked_networks import assert_same, padded, trained_on
from tests.support.tiny_parts import tiny, trained_looking

torch.set_num_threads(1)
LENGTHS = [30, 25, 41, 33]
VARIANTS = {
    "resnet relu_norm": ("resnet", {"order": "relu_norm", "strides": (1, 2, 2, 1)}),
    "resnet pre_activation": ("resnet", {"order": "pre_activation", "squeeze_ratio": 4}),
    "repvgg dilated": ("repvgg", {"second_branch": "dilated", "num_groups": 2}),
    "repvgg squeezed": ("repvgg", {"num_groups": 4, "squeeze_ratio": 4}),
    "ecapa_tdnn out_norm": ("ecapa_tdnn", {"out_norm": True}),
    "tdnn norm_scale": ("tdnn", {"norm_scale": True}),
    "lo_resnet cbam": ("lo_resnet", {"gate": "cbam"}),
    "lo_resnet squeezed": ("lo_resnet", {"gate": "squeeze_excitation"}),
    "conformer of asv-subtools": (
        "mfa_conformer",
        {"positions": "rotary", "conv_norm": "layer", "all_bins": True, "output": "last"},
    ),
    "d_tdnn_ss without null branch": ("d_tdnn_ss", {"null_branch": False}),
}


def build(encoder, options, pooling=None, feat_dim=10):
    torch.manual_seed(1)
    encoder = tiny(ENCODERS, encoder, **options)
    pooling = pooling or {"name": "attentive_stats", "hidden_dim": 8, "hidden_norm": True}
    config = ModelConfig(encoder=encoder, pooling=pooling, embedding_dim=6)
    return build_model(config, feat_dim=feat_dim)


def draw_utts(feat_dim=10):
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(n, feat_dim, generator=generator) for n in LENGTHS]


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_changes_neither_embeddings_nor_training(variant):
    model, utts = build(*VARIANTS[variant]), draw_utts()
    first = trained_on(model, *padded(utts, 41, pad=0.0))
    assert_same(first, trained_on(model, *padded(utts, 53, pad=100.0)))
    model = trained_looking(model, 10)
    with torch.inference_mode():
        together = model(*padded(utts, 47, pad=torch.nan))
        alone = torch.cat([model(utt[None]) for utt in utts])
    assert alone.std(dim=0).min() > 0
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["repvgg dilated", "repvgg squeezed"])
def test_merged_branches_of_all_kinds_equal_the_three_of_training(variant):
    model = trained_looking(build(*VARIANTS[variant]), 10)
    batch = padded(draw_utts(), 47, pad=torch.nan)
    with torch.inference_mode():
        before = model(*batch)
        assert torch.allclose(model.merge_branches()(*batch), before, rtol=1e-4, atol=1e-5)
    sizes = {block.merged.kernel_size for block in model.encoder.blocks}
    assert sizes == {(5, 5) if "dilated" in variant else (3, 3)}
    groups = [block.merged.groups for block in model.encoder.blocks]
    assert groups == [1, 1, 2, 1, 2] if "dilated" in variant else [1, 1, 4, 1, 4]


def block_of(order):
    torch.manual_seed(0)
    block = ResNet(ResNet.Config(depth=18, base_dim=4, order=order), in_dim=8).blocks[1].eval()
    for norm in block.norms:
        norm.running_mean.normal_()
    return block


def normalised(x, norm):
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)


def test_relu_comes_before_batch_norm_in_the_first_half_of_a_block():
    block, x = block_of("relu_norm"), torch.randn(2, 4, 7, 6)
    (first, second), norms = block.convs, block.norms
    y = normalised(F.conv2d(x, first.weight, padding=1).relu(), norms[0])
    y = normalised(F.conv2d(y, second.weight, padding=1), norms[1])
    assert torch.allclose(block(x, None)[0], (x + y).relu(), atol=1e-6)


def test_a_block_with_pre_activation_has_none_after_the_sum():
    block, x = block_of("pre_activation"), torch.randn(2, 4, 7, 6)
    (first, second), norms = block.convs, block.norms
    y = F.conv2d(normalised(x, norms[0]).relu(), first.weight, padding=1)
    y = F.conv2d(normalised(y, norms[1]).relu(), second.weight, padding=1)
    assert torch.allclose(block(x, None)[0], x + y, atol=1e-6)


def test_rotary_attention_depends_on_distances_alone():
    """Frames moved by 5 places have the same weights for each other."""
    torch.manual_seed(0)
    attention = RotaryAttention(8, num_heads=2)
    query, key, _ = attention._heads(torch.randn(1, 1, 8).expand(1, 12, 8))
    logits_TT = (query @ key.mT)[0, 0]
    assert torch.allclose(logits_TT[:7, :7], logits_TT[5:, 5:], atol=1e-5)
    assert not torch.allclose(logits_TT[0, 0], logits_TT[0, 3], atol=1e-3)


@pytest.mark.parametrize("factor, num_frames", [(2, 7), (4, 4)])
def test_subsampling_of_all_bins_halves_frames_only(factor, num_frames):
    """20 frames: 9 and 7, or 9 and 4; 10 bins: 8 and 6."""
    layer = ConvSubsampling(10, 4, factor, all_bins=True)
    y_BTC, mask_BT = layer(torch.zeros(2, 20, 10), torch.arange(20) < torch.tensor([[20], [7]]))
    assert y_BTC.shape == (2, num_frames, 4) and layer.affine.in_features == 4 * 6
    assert layer.min_frames == 7
    assert mask_BT.sum(dim=1).tolist() == [num_frames, 1]


def test_too_few_bins_for_two_convolutions_are_an_error():
    with pytest.raises(ConfigError, match="needs 5 features or more; there are 4"):
        ConvSubsampling(4, 4, 2, all_bins=True)


def test_heads_with_an_odd_number_of_channels_cannot_be_turned():
    fields = {"hidden_dim": 12, "num_heads": 4, "positions": "rotary"}
    with pytest.raises(ConfigError, match="a head has 3 channels"):
        ENCODERS.build({"name": "transformer", **fields}, in_dim=20)


def test_a_closed_gate_of_bins_halves_what_open_frames_pass():
    """Sigmoids of 20 and -20 are 1 and 0: their mean is a half."""
    gate = FrameBinGate(2)
    for conv, bias in ((gate.frames, 20.0), (gate.bins, -20.0)):
        torch.nn.init.zeros_(conv.weight)
        torch.nn.init.constant_(conv.bias, bias)
    x_BCTF = torch.randn(1, 2, 5, 3)
    assert torch.allclose(gate(x_BCTF, None), x_BCTF / 2, atol=1e-6)


def test_the_null_branch_takes_its_share_of_a_layer():
    """With equal logits two branches have a half each, or a third beside the null branch."""
    x_BCT = torch.randn(1, 4, 9)
    for null_branch, share in ((False, 1 / 2), (True, 1 / 3)):
        torch.manual_seed(0)
        conv = SelectedConv(4, 6, null_branch)
        for choice in conv.choices:
            torch.nn.init.zeros_(choice.weight)
            torch.nn.init.zeros_(choice.bias)
        expected = share * sum(branch(x_BCT, None) for branch in conv.branches)
        assert torch.allclose(conv(x_BCT, None), expected, atol=1e-6)


def test_a_layer_of_two_factors_reads_reach_frames_on_both_sides_and_adds_its_input():
    torch.manual_seed(0)
    layer = BypassedLayer(3, 2, 3, reach=2, bypass_scale=0.66).eval()
    x_BCT = torch.randn(1, 3, 9)
    enter, leave = layer.enter.conv.weight, layer.leave
    hidden = F.conv1d(F.pad(x_BCT, (2, 0)), enter, dilation=2)
    y_BCT = F.conv1d(F.pad(hidden, (0, 2)), leave.weight, leave.bias, dilation=2).relu()
    expected = y_BCT / (1 + layer.norm.eps) ** 0.5 + 0.66 * x_BCT
    assert torch.allclose(layer(x_BCT, None), expected, atol=1e-6)


def test_stats_without_means_are_the_deviations():
    x_BTC = torch.randn(2, 9, 3)
    both = POOLINGS.build({"name": "stats"}, in_dim=3)(x_BTC)
    alone = POOLINGS.build({"name": "stats", "with_mean": False}, in_dim=3)
    assert alone.out_dim == 3 and torch.equal(alone(x_BTC), both[:, 3:])
