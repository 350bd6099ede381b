"""Maps equal those of captum, pytorch-grad-cam and the authors of FullGrad."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from steps_py.attribution.explained import Explained
from steps_py.attribution.guided import GuidedRelus
from steps_py.attribution.layers import named_layer, recorded_calls
from steps_py.attribution.methods import METHODS
from steps_py.errors import StepsError
from tests.attribution.small_networks import explained_images

NETWORKS = ["plain", "bn"]
SINGLE = {"rtol": 1e-6, "atol": 2e-8}  # captum's steps and counts are of single precision
LAYERS = ["conv1", "relu2", "conv3", "relu3"]


def attributed(explained, **section):
    return METHODS.build(section).attribute(explained)


def maps(section, network, baseline=0.0):
    """The maps of both images, as images (2, F, T), and the arrays of the file."""
    found, arrays = explained_images(network, baseline)
    return np.stack([attributed(e, **section).map_TD.numpy().T for e in found]), arrays


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("section", "array"),
    [
        ({"name": "gradient"}, "saliency_signed"),
        ({"name": "gradient_x_input"}, "gradient_x_input"),
        ({"name": "integrated_gradients", "num_steps": 20}, "ig_gausslegendre_20"),
        (
            {"name": "integrated_gradients", "num_steps": 50, "quadrature": "middle"},
            "ig_riemann_middle_50",
        ),
        ({"name": "guided_backprop"}, "guided_backprop"),
        ({"name": "fullgrad"}, "fullgrad_idiap"),
        (
            {"name": "occlusion", "frames": 4, "dims": 4, "every_frames": 2, "every_dims": 2},
            "occlusion_4x4_stride2",
        ),
        ({"name": "occlusion_frequency", "dims": 1}, "feature_ablation_rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["name"],
)
def test_a_map_is_that_of_another_program(network, section, array):
    found, arrays = maps(section, network)
    is_single = array.startswith(("ig_", "occlusion"))
    tolerance = SINGLE if is_single else {"rtol": 1e-8, "atol": 1e-10}
    np.testing.assert_allclose(found, arrays[array][:, 0], **tolerance)


@pytest.mark.parametrize("network", NETWORKS)
def test_integrated_gradients_start_at_another_baseline(network):
    section = {"name": "integrated_gradients", "num_steps": 50, "quadrature": "middle"}
    found, arrays = maps(section, network, baseline=-0.5)
    expected = arrays["ig_riemann_middle_50_baseline-0.5"][:, 0]
    np.testing.assert_allclose(found, expected, **SINGLE)


@pytest.mark.parametrize("network", NETWORKS)
def test_integrated_gradients_sum_to_the_difference_of_scores_up_to_the_reported_gap(network):
    found, arrays = explained_images(network)
    for explained, delta in zip(found, arrays["ig_gausslegendre_20_delta"], strict=True):
        result = attributed(explained, name="integrated_gradients", num_steps=20)
        assert result.facts["completeness_gap"] == pytest.approx(delta, abs=1e-6)
        result = attributed(explained, name="integrated_gradients", num_steps=100)
        assert abs(result.facts["completeness_gap"]) < 4e-3


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("layer", LAYERS)
def test_grad_cam_is_that_of_captum(network, layer):
    found, arrays = maps({"name": "gradcam", "layer": layer}, network)
    expected = arrays[f"gradcam_captum_{layer}_relu_bilinear_upsampled"][:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("method", "array"), [("gradcam", "gradcam_pgc"), ("gradcam++", "gradcampp_pgc")]
)
def test_maps_of_channels_before_their_cut_are_those_of_pytorch_grad_cam(
    network, layer, method, array
):
    found, arrays = maps({"name": method, "layer": layer, "signed": True}, network)
    raw = torch.from_numpy(arrays[f"{array}_{layer}_raw"]).reshape(2, 1, -1, 24 if layer ==
        "conv1" else 12)  # fmt: skip
    expected = F.interpolate(raw, size=(16, 24), mode="bilinear")[:, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("network", NETWORKS)
def test_input_and_biases_of_full_grad_sum_to_the_logit(network):
    found, arrays = explained_images(network)
    for k, explained in enumerate(found):
        facts = attributed(explained, name="fullgrad").facts
        logit = arrays["logits"][k, arrays["targets"][k]]
        assert facts["sum"] == pytest.approx(arrays["fullgrad_completeness_sum"][k], abs=1e-12)
        assert facts["sum"] == pytest.approx(logit, abs=1e-12)


def test_smooth_grad_without_noise_is_the_gradient_and_with_noise_its_mean():
    (explained, _), _ = explained_images("plain")
    gradient_TD = attributed(explained, name="gradient").map_TD
    still = attributed(explained, name="smoothgrad", noise_share=0.0, num_copies=2).map_TD
    np.testing.assert_allclose(still, gradient_TD, rtol=1e-12)
    chance = torch.Generator().manual_seed(7)
    x_TD = explained.x_TD
    scale = 0.2 * float(x_TD.max() - x_TD.min())
    copies = [
        x_TD + scale * torch.randn(x_TD.shape, generator=chance, dtype=x_TD.dtype) for _ in range(3)
    ]
    expected = explained.gradients(torch.stack(copies)).mean(dim=0)
    section = {"name": "smoothgrad", "noise_share": 0.2, "num_copies": 3, "seed": 7}
    np.testing.assert_allclose(attributed(explained, **section).map_TD, expected, rtol=1e-12)


def test_occlusion_in_time_of_a_frame_is_the_fall_of_the_score():
    (explained, _), _ = explained_images("bn")
    found = attributed(explained, name="occlusion_time", frames=1, every_frames=1).map_TD
    hidden_TD = explained.x_TD.clone()
    hidden_TD[5] = 0
    fall = explained.value() - float(explained.scores(hidden_TD[None])[0])
    np.testing.assert_allclose(found[5].numpy(), np.full(16, fall), rtol=1e-9)


def test_the_layer_is_the_last_one_with_a_time_axis():
    (explained, _), _ = explained_images("plain")
    name, layout = named_layer(explained.network, explained.x_TD, None)
    assert (name, layout.time_axis, layout.channel_axis, layout.frequency_axis) == (
        "relu3",
        3,
        1,
        2,
    )


def test_a_layer_that_does_not_exist_is_refused_with_a_suggestion():
    (explained, _), _ = explained_images("plain")
    with pytest.raises(StepsError, match="none named 'conv4'.*conv3"):
        attributed(explained, name="gradcam", layer="conv4")
    with pytest.raises(StepsError, match="has no time axis"):
        attributed(explained, name="gradcam", layer="fc")


def test_recording_leaves_no_hook_behind():
    (explained, _), _ = explained_images("plain")
    with recorded_calls(explained.network, ["relu1"]) as calls:
        explained.value()
    explained.value()
    assert len(calls) == 1


def test_guided_backpropagation_is_refused_for_a_network_without_rectified_units():
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sigmoid())
    explained = Explained.of(network, lambda y: y.mean(dim=(1, 2)), torch.ones(5, 3))
    with pytest.raises(StepsError, match="no rectified units .* Choose another method"):
        attributed(explained, name="guided_backprop")


@pytest.mark.parametrize(
    "unit", [lambda x: x.clamp(0, 2), torch.nn.ReLU6(), torch.nn.Hardtanh(0, 2)]
)
def test_a_rectified_unit_with_a_cap_is_guided_too(unit):
    x = torch.tensor([-1.0, 1.0, 1.0, 9.0], requires_grad=True)
    with GuidedRelus() as relus:
        y = unit(x)
    (gradient,) = torch.autograd.grad(y @ torch.tensor([1.0, 1.0, -1.0, 1.0]), x)
    assert relus.count == 1 and gradient.tolist() == [0, 1, 0, 0]


def test_other_clamps_are_no_rectified_units():
    x = torch.tensor([-3.0, 1.0], requires_grad=True)
    with GuidedRelus() as relus:
        torch.nn.Hardtanh()(x) + x.clamp(min=0.1) + x.clamp(-1, 1)
    assert relus.count == 0


def test_a_map_of_grad_cam_without_a_positive_part_says_so():
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
    explained = Explained.of(network, lambda y: -y.sum(dim=(1, 2)), torch.ones(5, 3))
    assert "use signed: true" in attributed(explained, name="gradcam").facts["empty"]
    signed = attributed(explained, name="gradcam", signed=True)
    assert "empty" not in signed.facts and (signed.map_TD < 0).any()
