"""Losses that classify: numbers by hand, margins, smoothing."""

import math

import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.model.losses.a_softmax import multiply_angle
from steps_py.model.losses.aam_softmax import widen_angle
from steps_py.model.registries import LOSSES
from tests.support.small_losses import build, groups

CLASSIFIERS = [name for name in LOSSES.names() if LOSSES.find(name).classifies]
SMOOTHED = [name for name in CLASSIFIERS if hasattr(LOSSES.find(name).Config, "focal_exponent")]


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
def test_the_widened_angle_decreases_continuously_from_0_to_pi(margin):
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


def test_softmax_of_one_affine_by_hand():
    """Identity weights: logits (2, -3), loss log(1 + e^5) for the second speaker."""
    loss = build("softmax", hidden_dim=0, activation=False)
    assert len(loss.layers) == 1
    loss.layers[0].weight.data = torch.eye(2)
    loss.layers[0].bias.data.zero_()
    value, logits_BS = loss(torch.tensor([[2.0, -3.0]]), torch.tensor([1]))
    assert logits_BS.tolist() == [[2.0, -3.0]]
    assert value.item() == pytest.approx(math.log(1 + math.exp(5)), abs=1e-5)


@pytest.mark.parametrize("fields", [{}, {"focal_exponent": 2.0}])
def test_a_relative_cross_entropy_is_divided_by_the_logarithm_of_the_number_of_speakers(fields):
    batch = groups()
    for name in ("softmax", "aam_softmax"):
        values = []
        for relative in (False, True):
            torch.manual_seed(1)
            loss = build(name, in_dim=4, num_speakers=5, relative=relative, **fields)
            values.append(loss(*batch)[0].item())
        assert values[1] == pytest.approx(values[0] / math.log(5), rel=1e-6)


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
    assert kinds == ["ReLU", "MaskedBatchNorm", "Linear", "ReLU", "MaskedBatchNorm", "Linear"]
    assert sum(p.numel() for p in loss.parameters()) == 512 * 512 + 512 + 512 * 10 + 10


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classification_loss_is_the_mean_over_a_batch(name):
    loss = build(name, in_dim=4, num_speakers=3).eval()
    embedding_BE, spk_id_B = torch.randn(2, 4), torch.tensor([2, 0])
    both, logits_BS = loss(embedding_BE, spk_id_B)
    alone = [loss(embedding_BE[i : i + 1], spk_id_B[i : i + 1])[0].item() for i in range(2)]
    assert logits_BS.shape == (2, 3)
    assert both.item() == pytest.approx(sum(alone) / 2, rel=1e-5)


def test_am_of_two_speakers_by_hand():
    """cos 60 degrees = 0.5 less 0.2 against cos 30 = 0.8660, scale 2."""
    loss = build("am_softmax", margin=0.2, scale=2.0)
    loss.weight_SE.data = torch.eye(2)
    embedding_BE = torch.tensor([[math.cos(math.pi / 3), math.sin(math.pi / 3)]])
    value, logits_BS = loss(embedding_BE, torch.tensor([0]))
    expected = math.log(1 + math.exp(2 * (0.75**0.5 - 0.3)))
    assert value.item() == pytest.approx(expected, abs=1e-6)
    assert logits_BS.tolist()[0] == pytest.approx([1.0, 3**0.5], abs=1e-6)


def test_the_nearest_sub_center_of_a_speaker_is_used():
    """Speaker 0 has the directions x and -x, speaker 1 has y and -y."""
    loss = build("am_softmax", margin=0.0, scale=1.0, sub_centers=2)
    assert loss.weight_SE.shape == (4, 2)
    loss.weight_SE.data = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    _, logits_BS = loss(torch.tensor([[-0.6, 0.8], [0.8, -0.6]]), torch.tensor([0, 1]))
    assert logits_BS.tolist() == [pytest.approx([0.6, 0.8]), pytest.approx([0.8, 0.6])]


@pytest.mark.parametrize(
    "name, near",
    [("am_softmax", 0.6 + 0.1), ("aam_softmax", math.cos(math.acos(0.6) - 0.1))],
)
def test_the_top_k_penalty_raises_the_cosine_of_the_nearest_wrong_speaker(name, near):
    """Cosines 0.8 to its own speaker, 0.6 to the second, -0.8 to the third."""
    loss = build(name, num_speakers=3, margin=0.0, scale=1.0, top_k=1, top_k_penalty=0.1)
    loss.weight_SE.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    value, logits_BS = loss(torch.tensor([[0.8, 0.6]]), torch.tensor([0]))
    total = math.exp(0.8) + math.exp(near) + math.exp(-0.8)
    assert value.item() == pytest.approx(math.log(total) - 0.8, abs=1e-6)
    assert logits_BS.tolist()[0] == pytest.approx([0.8, 0.6, -0.8])


def test_top_k_is_limited_to_all_other_speakers():
    many, few = (build("am_softmax", num_speakers=3, top_k=k) for k in (9, 2))
    many.weight_SE.data = few.weight_SE.data
    batch = torch.randn(2, 2), torch.tensor([0, 2])
    assert many(*batch)[0].item() == few(*batch)[0].item()


def test_margin_and_penalty_grow_between_two_epochs_as_in_wespeaker():
    schedule = {"margin": 0.2, "margin_start_epoch": 20, "margin_warmup_epochs": 20}
    linear = build("am_softmax", top_k=1, **schedule)
    curved = build("am_softmax", top_k=1, margin_growth="exponential", **schedule)
    margins = []
    for epoch in (0, 20, 30, 40, 150):
        linear.set_epoch(epoch)
        curved.set_epoch(epoch)
        margins.append((linear.margin, curved.margin, linear.penalty))
    assert margins[0] == margins[1] == (0, 0, 0)
    # half-way: 0.2 (1 - sqrt(0.001)) / 0.999 = 0.19387
    assert margins[2] == pytest.approx((0.1, 0.193870, 0.03), abs=1e-6)
    assert margins[3] == margins[4] == pytest.approx((0.2, 0.2, 0.06))


def test_the_margin_can_start_above_0_as_in_fine_tuning_with_a_large_margin():
    loss = build("aam_softmax", margin=0.5, initial_margin=0.2, margin_warmup_epochs=4)
    loss.set_epoch(1)
    assert loss.margin == pytest.approx(0.275)


def test_the_logistic_margin_of_two_speakers_by_hand():
    """Direction (0.6, 0.8), weights of length 2 and 1: logits 10 * 1.2 + 1 and 10 * 0.8 + 0.5."""
    loss = build("logistic_margin", logit_margin=3.0, scale=10.0)
    loss.weight_SE.data = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    loss.bias_S.data = torch.tensor([0.1, 0.0])
    loss.offset_S.data = torch.tensor([0.0, 0.5])
    value, logits_BS = loss(torch.tensor([[6.0, 8.0]]), torch.tensor([0]))
    assert logits_BS.tolist()[0] == pytest.approx([13.0, 8.5], rel=1e-6)
    assert value.item() == pytest.approx(math.log(1 + math.exp(8.5 - 10.0)), rel=1e-5)


def test_the_scale_of_the_logistic_margin_is_learned_per_speaker():
    loss = build("logistic_margin")
    assert loss.scale_S.tolist() == [50.0, 50.0]
    loss(torch.randn(4, 2), torch.tensor([0, 1, 1, 0]))[0].backward()
    assert loss.scale_S.grad.abs().min() > 0


def test_with_unit_weights_the_logistic_margin_is_am_softmax_of_margin_m_over_s():
    """The paper's AM-softmax: scale 100 and 50 off the logit are the margin 0.5."""
    logistic = build(
        "logistic_margin", in_dim=4, scale=100.0, logit_margin=50.0, normalize_weights=True
    )
    am = build("am_softmax", in_dim=4, scale=100.0, margin=0.5)
    am.weight_SE.data = logistic.weight_SE.data
    batch = torch.randn(3, 4), torch.tensor([0, 1, 1])
    assert logistic(*batch)[0].item() == pytest.approx(am(*batch)[0].item(), rel=1e-5)


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_the_widened_angle_passes_gradcheck_on_both_branches(margin):
    cos = torch.tensor([0.9, 0.1, -0.5, -0.99], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda c: widen_angle(c, margin), cos)


def test_a_margin_of_a_right_angle_is_refused():
    with pytest.raises(ConfigError, match=r"margin': 11 is not below 1\.5708"):
        build("aam_softmax", margin=11)


@pytest.mark.parametrize(
    "name, fields",
    [
        ("am_softmax", {"margin": 0.0}),
        ("aam_softmax", {"margin": 0.0}),
        ("am_softmax", {"margin": 0.0, "top_k": 2, "top_k_penalty": 0.0}),
        ("aam_softmax", {"margin": 0.0, "sub_centers": 1, "far_angles": "shifted"}),
        ("a_softmax", {"multiplier": 1}),
        ("logistic_margin", {"logit_margin": 0.0, "normalize_weights": True, "scale": 1.0}),
    ],
)
def test_without_margin_a_loss_is_the_cross_entropy_of_cosines(name, fields):
    embedding_BE, spk_id_B = groups()
    scale = 1.0
    if name in ("am_softmax", "aam_softmax"):
        scale = fields["scale"] = 7.0
    if name == "a_softmax":  # the length of the embedding is its scale
        embedding_BE = torch.nn.functional.normalize(embedding_BE)
    loss = build(name, in_dim=4, num_speakers=5, **fields)
    cos_BS = torch.nn.functional.cosine_similarity(
        embedding_BE[:, None], loss.weight_SE[None], dim=2
    )
    expected = torch.nn.functional.cross_entropy(scale * cos_BS, spk_id_B)
    assert loss(embedding_BE, spk_id_B)[0].item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("name", SMOOTHED)
def test_every_cross_entropy_can_be_smoothed_and_focused(name):
    """From the logits without margin: focus multiplies each loss by (1 - p)^2."""
    torch.manual_seed(0)
    margin = {"margin": 0.0} if hasattr(LOSSES.find(name).Config, "margin") else {}
    if name == "logistic_margin":
        margin = {"logit_margin": 0.0, "scale": 2.0}
    if name == "a_softmax":
        margin = {"multiplier": 1}
    embedding_BE, spk_id_B = groups()
    plain = build(name, in_dim=4, num_speakers=5, **margin).eval()
    value, logits_BS = plain(embedding_BE, spk_id_B)
    p_B = logits_BS.softmax(dim=1)[torch.arange(15), spk_id_B]
    losses = {}
    for fields in ({"label_smoothing": 0.2}, {"focal_exponent": 2.0}):
        loss = build(name, in_dim=4, num_speakers=5, **margin, **fields).eval()
        loss.load_state_dict(plain.state_dict())
        losses |= dict.fromkeys(fields, loss(embedding_BE, spk_id_B)[0].item())
    assert value.item() == pytest.approx(-p_B.log().mean().item(), rel=1e-4)
    focused = -((1 - p_B) ** 2 * p_B.log()).mean().item()
    assert losses["focal_exponent"] == pytest.approx(focused, rel=1e-3)
    spread = -logits_BS.log_softmax(dim=1).mean().item()
    smoothed = 0.8 * value.item() + 0.2 * spread
    assert losses["label_smoothing"] == pytest.approx(smoothed, rel=1e-4)


def test_a_softmax_decreases_from_0_to_180_degrees_without_a_step():
    theta = torch.linspace(0, math.pi, 4001, dtype=torch.float64)
    for multiplier in (1, 2, 3, 4, 5):
        psi = multiply_angle(theta.cos(), multiplier)
        assert (psi.diff() < 1e-9).all() and psi.diff().abs().max() < 0.01
        assert psi[[0, -1]].tolist() == pytest.approx([1, 1 - 2 * multiplier])


def test_the_margin_of_a_softmax_grows_as_lambda_falls():
    loss = build("a_softmax", initial_lambda=1000.0, lambda_rate=0.12, min_lambda=5.0)
    lambdas = []
    for epoch in (0, 1, 100, 5000):
        loss.set_epoch(epoch)
        lambdas.append(loss.lambda_)
    assert lambdas == pytest.approx([1000, 1000 / 1.12, 1000 / 13, 5])


def test_sphereface2_of_two_speakers_by_hand():
    """Cosines 0.6 and 0.8, t = 1, scale 1, margin 0.1: softplus of -0.5 and of 0.9."""
    loss = build("sphereface2", margin=0.1, exponent=1.0, scale=1.0, positive_weight=0.7)
    loss.weight_SE.data = torch.eye(2)
    value, logits_BS = loss(torch.tensor([[3.0, 4.0]]), torch.tensor([0]))
    expected = 0.7 * math.log(1 + math.exp(-0.5)) + 0.3 * math.log(1 + math.exp(0.9))
    assert value.item() == pytest.approx(expected, abs=1e-6)
    assert logits_BS.tolist()[0] == pytest.approx([0.6, 0.8])


def test_the_worst_error_of_sphereface2_has_a_gradient():
    """At 180 degrees cos(theta) - 1 + cos(m) is below -1, where a cube must not be clamped."""
    loss = build("sphereface2", margin=0.3, margin_type="angle", scale=1.0)
    loss.weight_SE.data = torch.eye(2)
    embedding_BE = torch.tensor([[-1.0, 0.1]], requires_grad=True)
    loss(embedding_BE, torch.tensor([0]))[0].backward()
    assert embedding_BE.grad.abs().max() > 1e-5


def test_the_hyperspherical_energy_is_added_to_the_loss():
    """Two speakers at a right angle: 1 / 2."""
    plain, more = (build("am_softmax", energy_weight=weight) for weight in (0.0, 3.0))
    for loss in (plain, more):
        loss.weight_SE.data = torch.eye(2)
    batch = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
    assert (more(*batch)[0] - plain(*batch)[0]).item() == pytest.approx(1.5, rel=1e-4)
