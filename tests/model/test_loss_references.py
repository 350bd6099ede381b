"""Values and gradients of losses equal those of public implementations (tests/golden/losses)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from steps_py.model.registries import LOSSES

GOLDEN = Path(__file__).parents[1] / "golden/losses"
CASES = json.loads((GOLDEN / "losses.json").read_text())
WEIGHTS = ("weight_SE", "center_SE", "classification.weight_SE", "layers.0.weight")


@pytest.fixture(scope="module")
def arrays():
    with np.load(GOLDEN / "losses.npz") as saved:
        return {name: torch.from_numpy(saved[name]) for name in saved}


def build(case, arrays):
    """The loss in float64 with the weights of the case, and these, if it has any."""
    weights = arrays.get(case["weights"])
    sub_centers = case["loss"].get("sub_centers", 1)
    num_speakers = {"y": 5, "spk": 4, "y20": 20}[case["speakers"]]
    loss = LOSSES.build(case["loss"], in_dim=16, num_speakers=num_speakers).double()
    parameters = dict(loss.named_parameters())
    if weights is None:
        return loss, None
    (name,) = parameters.keys() & set(WEIGHTS)
    rows = num_speakers * sub_centers
    parameters[name].data = case.get("input_scale", 1) * weights[:rows].clone()
    if "layers.0.bias" in parameters:
        parameters["layers.0.bias"].data.zero_()
    return loss, parameters[name]


def assert_close(got, expected, tolerance):
    assert (got - expected).abs().max() <= tolerance * expected.abs().max().clamp(min=1e-6)


@pytest.mark.parametrize("case", CASES, ids=[case["key"] for case in CASES])
def test_value_and_gradients_equal_those_of_the_reference(case, arrays):
    loss, weights = build(case, arrays)
    if "epoch" in case:
        loss.set_epoch(case["epoch"])
    x_BE = arrays[case["input"]].clone().requires_grad_()
    value, _ = loss(case.get("input_scale", 1) * x_BE, arrays[case["speakers"]])
    value = case.get("factor", 1) * value
    value.backward()
    value_tolerance, gradient_tolerance = case.get("tolerance", (1e-9, 1e-8))
    assert value.item() == pytest.approx(case["value"], rel=value_tolerance, abs=1e-12)
    expected_BE = arrays[case.get("gradient_of", case["key"]) + ".grad"]
    assert_close(x_BE.grad, expected_BE, gradient_tolerance)
    if "weights_gradient" in case:
        assert_close(weights.grad, arrays[case["weights_gradient"]], gradient_tolerance)


def test_all_losses_but_a_few_have_a_reference():
    """The others are defined by hand in tests of their own; `none` is zero."""
    with_reference = {case["loss"]["name"] for case in CASES}
    assert set(LOSSES.names()) - with_reference <= {
        *("dplda", "entropy", "learned_distance", "logistic_margin", "none", "triplet_history"),
    }
