"""Poolings: numbers by hand, masks, gradients."""

import math

import pytest
import scipy.stats
import torch

from steps_py.errors import ConfigError
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
    pooling = build(name, in_dim=9)
    assert pooling(torch.randn(2, 7, 9), None).shape == (2, pooling.out_dim)


@pytest.mark.parametrize("name", POOLINGS.names())
def test_every_pooling_ignores_padding(name):
    pooling = build(name, in_dim=9).eval()
    x_BTC = torch.randn(2, 7, 9)
    padded = torch.cat([x_BTC, torch.full((2, 4, 9), torch.nan)], dim=1)
    mask_BT = torch.arange(11).expand(2, 11) < 7
    assert torch.allclose(pooling(padded, mask_BT), pooling(x_BTC, None), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", POOLINGS.names())
def test_every_pooling_passes_gradcheck_with_and_without_mask(name):
    class Double(torch.Tensor):
        """The pooling computes in float32 by contract; gradcheck needs float64."""

        def float(self):
            return self

    torch.manual_seed(0)
    fields = {"num_heads": 1} if hasattr(POOLINGS.find(name).Config, "num_heads") else {}
    pooling = build(name, in_dim=2, **fields).double()
    x_BTC = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    mask_BT = torch.tensor([[True] * 4, [True, True, False, False]])
    for mask in (None, mask_BT):
        assert torch.autograd.gradcheck(
            lambda x, mask=mask: pooling(x.as_subclass(Double), mask).as_subclass(torch.Tensor),
            x_BTC,
        )


@pytest.mark.parametrize("name", POOLINGS.names())
def test_one_frame_gives_finite_values_and_gradients(name):
    x_BTC = torch.randn(1, 1, 9, requires_grad=True)
    pooled = build(name, in_dim=9)(x_BTC)
    pooled.sum().backward()
    assert pooled.isfinite().all() and x_BTC.grad.isfinite().all()


ORDERED = {"adaptive_std", "last"}  # parts in time, and the last frame


@pytest.mark.parametrize("name", [name for name in POOLINGS.names() if name not in ORDERED])
def test_the_order_of_frames_does_not_matter(name):
    pooling, x_BTC = build(name, in_dim=9), torch.randn(2, 7, 9)
    shuffled = pooling(x_BTC[:, torch.tensor([3, 0, 6, 2, 5, 1, 4])])
    assert torch.allclose(shuffled, pooling(x_BTC), rtol=1e-4, atol=1e-5)


def test_heads_attend_to_their_own_channels():
    """Head 0 has the logits 0 and log 3 of channel 0, head 1 those of channel 1, which are 0."""
    pooling = build("multi_head", num_heads=2, hidden_dim=0, deviation=False)
    for head in pooling.heads:
        head.weight.data.fill_(1.0)
        head.bias.data.zero_()
    x_BTC = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]]])
    assert pooling(x_BTC).tolist()[0] == pytest.approx([0.75 * math.log(3), 0.0])


def test_with_one_head_per_channel_sharing_weights_changes_nothing():
    shared, alone = (build("multi_head", in_dim=4, num_heads=4, shared=s) for s in (True, False))
    alone.load_state_dict(shared.state_dict())
    x_BTC = torch.randn(2, 5, 4)
    assert torch.equal(shared(x_BTC), alone(x_BTC))


def test_more_heads_than_channels_are_refused():
    with pytest.raises(ConfigError, match="num_heads is 4, but the encoder has 3 channels"):
        build("multi_head", in_dim=3)


def test_channels_are_split_as_evenly_as_possible():
    assert build("mqmha", in_dim=19, num_heads=4).queries[0].head_dims == [5, 5, 5, 4]


def test_one_query_and_one_head_are_attentive_stats_without_context():
    mqmha = build("mqmha", in_dim=3, num_queries=1, num_heads=1, hidden_dim=4)
    plain = build("attentive_stats", in_dim=3, hidden_dim=4, global_context=False)
    weights = dict(zip(plain.state_dict(), mqmha.state_dict().values(), strict=True))
    plain.load_state_dict(weights)
    x_BTC = torch.randn(2, 5, 3)
    assert torch.allclose(mqmha(x_BTC), plain(x_BTC), atol=1e-6)


@pytest.mark.parametrize(
    "name, in_dim, fields, num_weights",
    [
        ("mqmha", 2560, {}, 661504),  # wespeaker's MQMHASTP after a ResNet-34
        ("lde", 1500, {}, 48032),  # asv-subtools' LDE with 32 components
    ],
)
def test_poolings_have_the_number_of_weights_of_public_code(name, in_dim, fields, num_weights):
    pooling = build(name, in_dim=in_dim, **fields)
    assert sum(p.numel() for p in pooling.parameters()) == num_weights


@pytest.mark.parametrize("num_frames", [2, 7, 9])
def test_the_parts_of_adaptive_std_are_those_of_adaptive_average_pooling(num_frames):
    x_BTC = torch.randn(2, num_frames, 4)
    expected_BCP = torch.nn.functional.adaptive_avg_pool1d(x_BTC.mT, 3)
    square_BCP = torch.nn.functional.adaptive_avg_pool1d(x_BTC.mT.square(), 3)
    deviation_BCP = (square_BCP - expected_BCP.square()).clamp(min=1e-10).sqrt()
    expected = torch.cat([expected_BCP.mT.flatten(1), deviation_BCP.mT.flatten(1)], dim=1)
    assert torch.allclose(build("adaptive_std", in_dim=4)(x_BTC), expected, atol=1e-3)


def test_one_part_of_adaptive_std_is_stats():
    x_BTC = torch.randn(2, 5, 4)
    pooled = build("adaptive_std", in_dim=4, num_parts=1)(x_BTC)
    assert torch.allclose(pooled, build("stats", in_dim=4)(x_BTC), atol=1e-6)


def test_the_moments_are_scipys():
    x_BTC = torch.randn(1, 50, 1, generator=torch.Generator().manual_seed(3)).exp()
    x = x_BTC[0, :, 0].double().numpy()
    expected = [x.mean(), x.std(), scipy.stats.skew(x), scipy.stats.kurtosis(x, fisher=False)]
    assert build("moments", in_dim=1)(x_BTC)[0].tolist() == pytest.approx(expected, rel=1e-4)


def test_a_large_power_is_the_maximum_and_the_count_that_of_frames():
    x_BTC = torch.tensor([[[1.0], [-3.0], [2.0]]])
    pooled = build("power", in_dim=1, initial_power=200.0)(x_BTC)
    assert pooled.tolist()[0] == pytest.approx([3.0, math.log(3)], rel=1e-2)


def test_netvlad_by_hand():
    """Even shares: 0.5 (1 + 3 - 2 c); c = 1 and 3 give 1 and -1, normalised to 1 / sqrt(2)."""
    pooling = build("netvlad", in_dim=1, num_clusters=2)
    for weight in pooling.assignment.parameters():
        weight.data.zero_()
    pooling.cluster_KC.data = torch.tensor([[1.0], [3.0]])
    pooled = pooling(torch.tensor([[[1.0], [3.0]]]))
    assert pooled.tolist()[0] == pytest.approx([0.5**0.5, -(0.5**0.5)])


def test_without_ghosts_ghostvlad_is_netvlad():
    ghost, plain = build("ghostvlad", in_dim=4, num_ghosts=0), build("netvlad", in_dim=4)
    plain.load_state_dict(ghost.state_dict())
    x_BTC = torch.randn(2, 5, 4)
    assert torch.equal(ghost(x_BTC), plain(x_BTC))


def test_frames_of_a_ghost_are_left_out():
    """The third frame is all the ghost's."""
    ghost = build("ghostvlad", in_dim=1, num_clusters=2)
    ghost.assignment.weight.data = torch.tensor([[0.0], [0.0], [100.0]])
    ghost.assignment.bias.data = torch.tensor([0.0, 0.0, -500.0])
    x_BTC = torch.tensor([[[1.0], [3.0], [10.0]]])
    assert torch.allclose(ghost(x_BTC), ghost(x_BTC[:, :2]), atol=1e-6)


def test_lde_by_hand():
    """Frame 1 is at equal distances from 0 and 2: residuals 0.5 and -0.5, two frames."""
    pooling = build("lde", in_dim=1, num_components=2)
    pooling.component_KC.data = torch.tensor([[0.0], [2.0]])
    pooling.scale_K.data = torch.tensor([0.5, 0.5])
    pooled = pooling(torch.ones(1, 2, 1))
    assert pooled.tolist()[0] == pytest.approx([0.5, -0.5])


def test_xi_by_hand():
    """Precisions log 2 of frames 1 and 3, prior 4 of precision 1."""
    pooling = build("xi", in_dim=1, deviation=True)
    for weight in (*pooling.hidden.parameters(), *pooling.precision.parameters()):
        weight.data.zero_()
    pooling.prior_mean_C.data.fill_(4.0)
    total = 2 * math.log(2) + 1
    pooled = pooling(torch.tensor([[[1.0], [3.0]]]))
    expected = [(4 * math.log(2) + 4) / total, total**-0.5]
    assert pooled.tolist()[0] == pytest.approx(expected)
