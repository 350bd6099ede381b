"""Poolings: numbers by hand, masks, gradients."""

import math

import pytest
import torch

from steps_py.model import poolings  # noqa: F401 - registers
from steps_py.model.registries import POOLINGS

torch.set_num_threads(1)


def build(name, in_dim=2, **fields):
    return POOLINGS.build({"name": name, **fields}, in_dim=in_dim)


def test_stats_of_two_frames_by_hand():
    """Channel 0: 1 and 3, mean 2, deviation 1.  Channel 1: 5 and 11, mean 8, deviation 3."""
    x_BTC = torch.tensor([[[1.0, 5.0], [3.0, 11.0]]])
    assert build("stats")(x_BTC).tolist() == [[2.0, 8.0, 1.0, 3.0]]


def test_stats_of_two_frames_do_not_depend_on_padding():
    x_BTC = torch.tensor([[[1.0, 5.0], [3.0, 11.0], [1e6, float("nan")]]])
    mask_BT = torch.tensor([[True, True, False]])
    assert build("stats")(x_BTC, mask_BT).tolist() == [[2.0, 8.0, 1.0, 3.0]]


def test_one_frame_has_the_floored_deviation_and_finite_gradients():
    x_BTC = torch.tensor([[[1.0, 5.0]]], requires_grad=True)
    pooled = build("stats", variance_floor=1e-4)(x_BTC)
    assert pooled.tolist()[0] == pytest.approx([1.0, 5.0, 0.01, 0.01])
    pooled.sum().backward()
    assert x_BTC.grad.tolist() == [[[1.0, 1.0]]]


def test_stats_are_exact_far_from_zero():
    """E[x^2] - E[x]^2 would lose all digits at a mean of 10000."""
    x_BTC = 1e4 + torch.tensor([[[0.0], [0.25], [0.5]]])
    assert build("stats", in_dim=1)(x_BTC)[0, 1].item() == pytest.approx(0.2041241, rel=1e-4)


def test_stats_of_half_precision_are_computed_in_float32():
    x_BTC = torch.randn(2, 1000, 2).to(torch.bfloat16)
    pooled = build("stats")(x_BTC)
    assert pooled.dtype == torch.float32
    assert torch.allclose(pooled[:, :2], x_BTC.double().mean(dim=1).float(), atol=1e-6)


def test_the_mean_keeps_all_channels():
    """The 19 x 17 frames and bins of resnet20 become 17 bins of each channel."""
    x_BTC = torch.arange(6.0).view(1, 2, 3)
    assert build("mean", in_dim=3)(x_BTC).tolist() == [[1.5, 2.5, 3.5]]


def attend_to_channel_0(pooling):
    """Weights by which the logit of a frame is atanh(tanh(x_0)) = x_0, times 1 for head h."""
    for weight in pooling.parameters():
        weight.data.zero_()
    pooling.hidden.weight.data[0, 0] = 1e-3
    pooling.logits.weight.data[:, 0] = 1e3
    return pooling


def test_self_attentive_pooling_by_hand():
    """Logits 0 and log 3: weights 1/4 and 3/4.  Channel 1: 8 and 4, mean 5, variance 3."""
    x_BTC = torch.tensor([[[0.0, 8.0], [math.log(3), 4.0]]])
    plain = attend_to_channel_0(build("self_attentive", hidden_dim=1))
    assert plain(x_BTC).tolist()[0] == pytest.approx([0.75 * math.log(3), 5.0], rel=1e-4)
    full = attend_to_channel_0(build("self_attentive", hidden_dim=1, deviation=True))
    mean_0, mean_1, _, deviation_1 = full(x_BTC).tolist()[0]
    assert (mean_0, mean_1) == pytest.approx((0.75 * math.log(3), 5.0), rel=1e-4)
    assert deviation_1 == pytest.approx(3**0.5, rel=1e-4)


def test_heads_have_independent_weights():
    """The second head has opposite logits: weights 3/4 and 1/4, means 0.25 log 3 and 7."""
    pooling = attend_to_channel_0(build("self_attentive", hidden_dim=1, num_heads=2))
    pooling.logits.weight.data[1] *= -1
    x_BTC = torch.tensor([[[0.0, 8.0], [math.log(3), 4.0]]])
    expected = [0.75 * math.log(3), 5.0, 0.25 * math.log(3), 7.0]
    assert pooling(x_BTC).tolist()[0] == pytest.approx(expected, rel=1e-4)


def test_attentive_stats_have_weights_for_each_channel():
    """Channel 0 is averaged evenly, channel 1 with weights 1/4 and 3/4."""
    pooling = attend_to_channel_0(build("attentive_stats", hidden_dim=1))
    pooling.logits.weight.data[0] = 0
    x_BTC = torch.tensor([[[0.0, 8.0], [math.log(3), 4.0]]])
    expected = [0.5 * math.log(3), 5.0, 0.5 * math.log(3), 3**0.5]
    assert pooling(x_BTC).tolist()[0] == pytest.approx(expected, rel=1e-4)


def test_the_global_context_is_mean_and_deviation_of_the_utterance():
    """As the affine of the paper sees it: frame, mean and deviation in one vector."""
    torch.manual_seed(0)
    pooling = build("attentive_stats", in_dim=3, hidden_dim=4)
    x_BTC = torch.randn(2, 6, 3)
    stats_BTC = build("stats", in_dim=3)(x_BTC)[:, None].expand(2, 6, 6)
    weight = torch.cat([pooling.hidden.weight, pooling.context.weight], dim=1)
    z_BTC = torch.cat([x_BTC, stats_BTC], dim=2)
    hidden = torch.tanh(torch.nn.functional.linear(z_BTC, weight, pooling.hidden.bias))
    alpha_BTC = pooling.logits(hidden).softmax(dim=1)
    mean_BC = (alpha_BTC * x_BTC).sum(dim=1)
    square_BC = (alpha_BTC * x_BTC.square()).sum(dim=1)
    expected = torch.cat([mean_BC, (square_BC - mean_BC.square()).sqrt()], dim=1)
    assert torch.allclose(pooling(x_BTC), expected, atol=1e-5)


@pytest.mark.parametrize("name", POOLINGS.names())
def test_every_pooling_returns_its_out_dim(name):
    pooling = build(name, in_dim=3)
    assert pooling(torch.randn(2, 7, 3), None).shape == (2, pooling.out_dim)


@pytest.mark.parametrize("name", POOLINGS.names())
def test_every_pooling_ignores_padding(name):
    pooling = build(name, in_dim=3).eval()
    x_BTC = torch.randn(2, 7, 3)
    padded = torch.cat([x_BTC, torch.full((2, 4, 3), torch.nan)], dim=1)
    mask_BT = torch.arange(11).expand(2, 11) < 7
    assert torch.allclose(pooling(padded, mask_BT), pooling(x_BTC, None), atol=1e-6)


@pytest.mark.parametrize("name", POOLINGS.names())
def test_every_pooling_passes_gradcheck_with_and_without_mask(name):
    class Double(torch.Tensor):
        """The pooling computes in float32 by contract; gradcheck needs float64."""

        def float(self):
            return self

    pooling = build(name, in_dim=2).double()
    x_BTC = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    mask_BT = torch.tensor([[True] * 4, [True, True, False, False]])
    for mask in (None, mask_BT):
        assert torch.autograd.gradcheck(
            lambda x, mask=mask: pooling(x.as_subclass(Double), mask).as_subclass(torch.Tensor),
            x_BTC,
        )
