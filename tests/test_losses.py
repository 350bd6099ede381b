"""Losses: numbers by hand, monotone margins, gradients."""

import math

import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.model import losses  # noqa: F401 - registers
from steps_py.model.losses.aam_softmax import widen_angle
from steps_py.model.registries import LOSSES

torch.set_num_threads(1)


def build(name, in_dim=2, num_speakers=2, **fields):
    return LOSSES.build({"name": name, **fields}, in_dim=in_dim, num_speakers=num_speakers)


def aam_of_two_axes(**fields):
    """Two speakers whose directions are the axes of the plane."""
    loss = build("aam_softmax", **fields)
    loss.weight_SE.data = torch.eye(2)
    return loss


def test_aam_of_two_speakers_by_hand():
    """An embedding at 60 degrees to its speaker, so at 30 to the other; margin 30 degrees, scale 2.

    psi = cos 90 = 0 against cos 30 = 0.8660; loss = log(1 + e^(2 * 0.8660)) = 1.895182.
    """
    loss = aam_of_two_axes(margin=math.pi / 6, scale=2.0)
    embedding_BE = 5 * torch.tensor([[math.cos(math.pi / 3), math.sin(math.pi / 3)]])
    value, logits_BS = loss(embedding_BE, torch.tensor([0]))
    assert value.item() == pytest.approx(math.log(1 + math.exp(3**0.5)), abs=1e-6)
    assert logits_BS.tolist()[0] == pytest.approx([1.0, 3**0.5], abs=1e-6)


def test_without_margin_aam_is_cross_entropy_of_cosines():
    loss = build("aam_softmax", in_dim=4, num_speakers=5, margin=0.0, scale=7.0)
    embedding_BE, spk_id_B = torch.randn(3, 4), torch.tensor([0, 4, 2])
    cos_BS = torch.nn.functional.cosine_similarity(
        embedding_BE[:, None], loss.weight_SE[None], dim=2
    )
    expected = torch.nn.functional.cross_entropy(7 * cos_BS, spk_id_B)
    assert loss(embedding_BE, spk_id_B)[0].item() == pytest.approx(expected.item(), abs=1e-5)


def test_aam_does_not_depend_on_lengths():
    loss = build("aam_softmax", in_dim=4, num_speakers=3)
    embedding_BE, spk_id_B = torch.randn(2, 4), torch.tensor([0, 1])
    first = loss(embedding_BE, spk_id_B)[0].item()
    loss.weight_SE.data *= 11
    assert loss(0.01 * embedding_BE, spk_id_B)[0].item() == pytest.approx(first, rel=1e-4)


@pytest.mark.parametrize("margin", [0.0, 0.2, 0.5, 1.5])
def test_the_widened_angle_falls_from_0_to_pi_without_a_step(margin):
    theta = torch.linspace(0, math.pi, 20001, dtype=torch.float64)
    psi = widen_angle(theta.cos(), margin)
    # the clamp near the two ends is worth sin(margin) * sqrt(1e-7) = 0.0003 at most
    assert (psi.diff() < 1e-5).all()
    assert psi.diff().abs().max() < 1e-3
    inside = theta + margin < math.pi
    assert torch.allclose(psi[inside], (theta[inside] + margin).cos(), atol=4e-4)
    assert psi[-1].item() == pytest.approx(-2 + math.cos(margin), abs=4e-4)


def test_aam_has_finite_gradients_at_0_and_180_degrees():
    loss = aam_of_two_axes()
    embedding_BE = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    loss(embedding_BE, torch.tensor([0, 0]))[0].backward()
    assert embedding_BE.grad.isfinite().all()


def test_a_zero_embedding_has_a_finite_loss():
    value, _ = aam_of_two_axes()(torch.zeros(1, 2), torch.tensor([0]))
    assert value.isfinite()


def test_the_margin_grows_over_the_warm_up():
    loss = build("aam_softmax", margin=0.2, margin_warmup_epochs=4)
    margins = []
    for epoch in (0, 1, 2, 4, 9):
        loss.set_epoch(epoch)
        margins.append(loss.margin)
    assert margins == pytest.approx([0.0, 0.05, 0.1, 0.2, 0.2])


def test_a_larger_margin_is_a_harder_task():
    embedding_BE, spk_id_B = torch.randn(8, 2), torch.randint(2, (8,))
    values = [aam_of_two_axes(margin=m)(embedding_BE, spk_id_B)[0].item() for m in (0, 0.1, 0.4)]
    assert values == sorted(values) and values[0] < values[2]


def test_softmax_without_hidden_layer_by_hand():
    """eval: ReLU, then norm by 0 and 1 + 1e-3; identity weights: logits (2, 0) / sqrt(1.001)."""
    loss = build("softmax", hidden_dim=0).eval()
    loss.layers[-1].weight.data = torch.eye(2)
    loss.layers[-1].bias.data.zero_()
    value, logits_BS = loss(torch.tensor([[2.0, -3.0]]), torch.tensor([1]))
    z = 2 / math.sqrt(1.001)
    assert logits_BS.tolist()[0] == pytest.approx([z, 0.0], abs=1e-6)
    assert value.item() == pytest.approx(math.log(math.exp(z) + 1), abs=1e-5)


def test_label_smoothing_of_two_speakers_by_hand():
    """q = (0.9, 0.1) for smoothing 0.2; logits (z, 0): loss = log(1 + e^z) - 0.9 z."""
    loss = build("softmax", hidden_dim=0, label_smoothing=0.2).eval()
    loss.layers[-1].weight.data = torch.eye(2)
    loss.layers[-1].bias.data.zero_()
    z = 2 / math.sqrt(1.001)
    value, _ = loss(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    assert value.item() == pytest.approx(math.log(1 + math.exp(z)) - 0.9 * z, abs=1e-5)


def test_the_softmax_head_has_kaldis_layers():
    loss = build("softmax", in_dim=512, num_speakers=10, hidden_dim=512)
    kinds = [type(layer).__name__ for layer in loss.layers]
    assert kinds == ["ReLU", "BatchNorm1d", "Linear", "ReLU", "BatchNorm1d", "Linear"]
    assert sum(p.numel() for p in loss.parameters()) == 512 * 512 + 512 + 512 * 10 + 10


@pytest.mark.parametrize("name", LOSSES.names())
def test_every_loss_is_the_mean_over_a_batch(name):
    loss = build(name, in_dim=4, num_speakers=3).eval()
    embedding_BE, spk_id_B = torch.randn(2, 4), torch.tensor([2, 0])
    both, logits_BS = loss(embedding_BE, spk_id_B)
    alone = [loss(embedding_BE[i : i + 1], spk_id_B[i : i + 1])[0].item() for i in range(2)]
    assert logits_BS.shape == (2, 3)
    assert both.item() == pytest.approx(sum(alone) / 2, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES.names())
def test_every_loss_falls_when_followed_downhill(name):
    torch.manual_seed(0)
    loss = build(name, in_dim=4, num_speakers=3)
    embedding_BE, spk_id_B = torch.randn(6, 4), torch.arange(6) % 3
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.05)
    values = []
    for _ in range(30):
        value, _ = loss(embedding_BE, spk_id_B)
        values.append(value.item())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert values[-1] < values[0]


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_the_widened_angle_passes_gradcheck_on_both_sides_of_its_seam(margin):
    cos = torch.tensor([0.9, 0.1, -0.5, -0.99], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda c: widen_angle(c, margin), cos)


def test_a_margin_of_a_right_angle_is_refused():
    with pytest.raises(ConfigError, match=r"margin is 11 radians\. Choose one from 0 to 1\.57"):
        build("aam_softmax", margin=11)
