"""Factors that training keeps semi-orthogonal."""

import pytest
import torch

from steps_py.model.encoders.f_tdnn import FactoredLayer, FTdnn
from steps_py.model.layers.semi_orthogonal import SemiOrthogonalConv, step_to_semi_orthogonal

torch.set_num_threads(1)


def test_a_step_by_hand():
    """M = diag(1, 2): P = diag(1, 4), s = 17 / 5, ratio 17 * 2 / 25 = 1.36, so speed / 4.

    a = 0.03125 / 3.4, and M becomes diag(1 + 4 a 2.4, 2 - 8 a 0.6).
    """
    a = 0.03125 / 3.4
    expected = torch.diag(torch.tensor([1 + 4 * a * 2.4, 2 - 8 * a * 0.6]))
    matrix = step_to_semi_orthogonal(torch.diag(torch.tensor([1.0, 2.0])))
    assert torch.allclose(matrix, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 40), (40, 6)])
def test_steps_lead_to_a_multiple_of_a_semi_orthogonal_matrix(shape):
    torch.manual_seed(1)
    matrix = torch.randn(shape)
    for _ in range(200):
        matrix = step_to_semi_orthogonal(matrix)
    wide = matrix if shape[0] < shape[1] else matrix.T
    product = wide @ wide.T
    assert torch.allclose(product / product.trace() * 6, torch.eye(6), atol=1e-3)


def test_frozen_and_free_factors_are_left_alone():
    layer = FactoredLayer(8, 4, 8, ((2, 1), (2, 1), (2, 1)))
    layer.factors[0].conv.weight.requires_grad_(False)
    before = [factor.conv.weight.clone() for factor in layer.factors]
    for factor in layer.factors:
        factor.constrain_weights()
    same = [
        torch.equal(x, factor.conv.weight) for x, factor in zip(before, layer.factors, strict=True)
    ]
    assert same == [True, False, True]


def test_a_factor_reads_one_frame_before_and_one_after():
    conv = SemiOrthogonalConv(1, 1, offset=3, left=1)
    conv.conv.weight.data.copy_(torch.tensor([[[1.0, 10.0]]]))
    y = conv(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]), None)
    assert y.flatten().tolist() == [30, 41, 2, 3]  # frames t - 1 and t + 2


def test_the_receptive_field_of_f_tdnn_is_21_frames_to_each_side():
    """2 of the first layer, 3 of the second, 4 each of the fourth, sixth, seventh and eighth."""
    encoder = FTdnn(FTdnn.Config(first_dim=4, hidden_dim=4, bottleneck_dim=4, out_dim=4), in_dim=3)
    for weight in encoder.parameters():
        weight.data.abs_()
    x_BTD = torch.rand(1, 60, 3, requires_grad=True)
    encoder.eval()(x_BTD, None)[0][0, 30].sum().backward()
    seen = x_BTD.grad[0].abs().sum(dim=1).nonzero().flatten().tolist()
    assert (seen[0], seen[-1]) == (30 - 21, 30 + 21)
