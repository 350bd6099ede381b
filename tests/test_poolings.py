"""Poolings: numbers by hand, masks, gradients."""

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


def test_stats_of_two_frames_stay_those_when_pads_follow():
    x_BTC = torch.tensor([[[1.0, 5.0], [3.0, 11.0], [1e6, float("nan")]]])
    mask_BT = torch.tensor([[True, True, False]])
    assert build("stats")(x_BTC, mask_BT).tolist() == [[2.0, 8.0, 1.0, 3.0]]


def test_one_frame_has_the_floor_as_deviation_and_finite_gradients():
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


@pytest.mark.parametrize("name", POOLINGS.names())
def test_every_pooling_answers_with_its_out_dim(name):
    pooling = build(name, in_dim=3)
    assert pooling(torch.randn(2, 7, 3), None).shape == (2, pooling.out_dim)


@pytest.mark.parametrize("name", POOLINGS.names())
def test_every_pooling_ignores_pads(name):
    pooling = build(name, in_dim=3).eval()
    x_BTC = torch.randn(2, 7, 3)
    padded = torch.cat([x_BTC, torch.full((2, 4, 3), 9.0)], dim=1)
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
