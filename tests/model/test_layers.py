"""Masks, batch norm over real frames, gates, weighted statistics."""

import pytest
import torch
from torch import nn

from steps_py.model.layers.masks import frame_mask, mean_over_frames, zero_padding
from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.layers.squeeze_excitation import SqueezeExcitation
from steps_py.model.layers.stats import mean_and_deviation

torch.set_num_threads(1)

LENGTHS_B = torch.tensor([7, 4, 1])
MASK_BT = frame_mask(LENGTHS_B, 7)


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


def two_norms(affine=True):
    """Ours and torch's, with the same weights."""
    ours, torchs = (make(3, affine=affine) for make in (MaskedBatchNorm, nn.BatchNorm1d))
    if affine:
        for norm in (ours, torchs):
            norm.weight.data, norm.bias.data = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
    return ours, torchs


def valid_rows(x_BCTF):
    """All real frames and bins in one row, (N, C), by indexing."""
    rows = [x_CTF[:, :n].flatten(1).T for x_CTF, n in zip(x_BCTF, LENGTHS_B, strict=True)]
    return torch.cat(rows)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("num_bins", [None, 5])
def test_masked_batch_norm_equals_batch_norm_of_the_real_frames(num_bins, affine):
    """Oracle: torch's own norm of the concatenated frames, in two steps of training."""
    shape = (3, 3, 7) if num_bins is None else (3, 3, 7, num_bins)
    ours, torchs = two_norms(affine)
    for step in range(2):
        x = draw(*shape) * (step + 2)
        x_BCTF = x.view(3, 3, 7, -1)
        expected_NC = torchs(valid_rows(x_BCTF))
        y = ours(x.masked_fill(~MASK_BT.view(3, 1, 7, *[1] * (x.ndim - 3)), torch.nan), MASK_BT)
        assert torch.allclose(valid_rows(y.view_as(x_BCTF)), expected_NC, atol=1e-5)
    assert torch.allclose(ours.running_mean, torchs.running_mean, atol=1e-6)
    assert torch.allclose(ours.running_var, torchs.running_var, rtol=1e-5)
    assert ours.num_batches_tracked == torchs.num_batches_tracked == 2
    assert not y[1, :, 4:].any() and not y[2, :, 1:].any()  # pads
    ours.eval(), torchs.eval()
    expected_NC = torchs(valid_rows(x_BCTF))
    assert torch.allclose(valid_rows(ours(x, MASK_BT).view_as(x_BCTF)), expected_NC, atol=1e-5)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("num_bins", [1, 5])
def test_gradients_of_the_masked_norm_equal_those_of_the_real_frames(num_bins, affine):
    ours, torchs = two_norms(affine)
    x_BCT = draw(3, 3, 7, num_bins).requires_grad_()
    target_NC = torch.arange(12 * num_bins)[:, None].cos()
    expected = torch.autograd.grad(
        (torchs(valid_rows(x_BCT)) * target_NC).sum(), [x_BCT, *torchs.parameters()]
    )
    y_NC = valid_rows(ours(x_BCT, MASK_BT))
    got = torch.autograd.grad((y_NC * target_NC).sum(), [x_BCT, *ours.parameters()])
    for one, other in zip(got, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_gradients_of_padding_are_zero_whatever_reaches_it():
    norm = MaskedBatchNorm(3)
    x_BCT = draw(3, 3, 7).requires_grad_()
    (grad_BCT,) = torch.autograd.grad((norm(x_BCT, MASK_BT) + 1).prod(dim=1).sum(), [x_BCT])
    assert not grad_BCT[1, :, 4:].any() and not grad_BCT[2, :, 1:].any()
    x_BCT = draw(3, 3, 7).requires_grad_()
    (grad_BCT,) = torch.autograd.grad(zero_padding(x_BCT, MASK_BT).exp().sum(), [x_BCT])
    assert grad_BCT.count_nonzero() == 3 * LENGTHS_B.sum()


def test_the_norm_without_a_mask_is_bit_identical_to_torchs():
    ours, torchs = two_norms()
    x_NC = draw(9, 3)
    assert torch.equal(ours(x_NC), torchs(x_NC))
    assert torch.equal(ours.running_var, torchs.running_var)


def test_the_norm_of_half_precision_computes_statistics_in_float32():
    norm = MaskedBatchNorm(1, affine=False)
    x_BCT = 100 + draw(2, 1, 3000)
    mask_BT = torch.ones(2, 3000).bool()
    y_BCT = norm(x_BCT.bfloat16(), mask_BT)
    assert y_BCT.dtype == torch.bfloat16
    mean = x_BCT.bfloat16().double().mean().item()
    assert norm.running_mean.item() == pytest.approx(0.1 * mean, rel=1e-5)


def test_gates_ignore_padding():
    gate = SqueezeExcitation(3, hidden_dim=2)
    x_BCT = zero_padding(draw(3, 3, 7), MASK_BT)
    together_BCT = gate(x_BCT, MASK_BT)
    for b, n in enumerate(LENGTHS_B):
        alone_CT = gate(x_BCT[b : b + 1, :, :n])[0]
        assert torch.allclose(together_BCT[b, :, :n], alone_CT, atol=1e-6)


def test_the_mean_over_frames_and_bins_by_hand():
    """Frames (1, 2) and (3, 6) of two bins, then a pad: 12 / 4."""
    x_BCTF = torch.tensor([[[[1.0, 2.0], [3.0, 6.0], [99.0, 99.0]]]])
    assert mean_over_frames(x_BCTF, torch.tensor([[True, True, False]])).item() == 3
    assert mean_over_frames(x_BCTF[:, :, :2], None).item() == 3


def test_weighted_statistics_by_hand():
    """1 with weight 3/4 and 5 with weight 1/4: mean 2, variance (3 * 1 + 9) / 4 = 3."""
    x_BTC, weight_BTC = torch.tensor([[[1.0], [5.0]]]), torch.tensor([[[0.75], [0.25]]])
    mean_BC, deviation_BC = mean_and_deviation(x_BTC, weight_BTC, 1e-10)
    assert mean_BC.item() == 2
    assert deviation_BC.item() == pytest.approx(3**0.5)
