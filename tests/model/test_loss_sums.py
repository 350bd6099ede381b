"""Sums of losses, and the losses that are made for them."""

import math

import pytest
import torch

from steps_py.errors import ConfigError
from tests.support.small_losses import build, groups


def test_the_weighted_sum_is_the_sum_of_two_losses():
    parts = {
        "classification": {"name": "am_softmax", "margin": 0.35, "label_smoothing": 0.2},
        "metric": {"name": "triplet", "mining": "hardest"},
    }
    torch.manual_seed(1)
    both = build("weighted_sum", in_dim=4, num_speakers=5, metric_weight=0.5, **parts)
    torch.manual_seed(1)
    one, other = (build(**part, in_dim=4, num_speakers=5) for part in parts.values())
    value, logits_BS = both(*groups())
    expected, expected_BS = one(*groups())
    assert value.item() == pytest.approx((expected + 0.5 * other(*groups())[0]).item(), rel=1e-6)
    assert torch.equal(logits_BS, expected_BS)
    assert (one.utts_per_speaker_needed, both.utts_per_speaker_needed) == (1, 2)
    both.classification.config = None  # an epoch reaches both parts
    with pytest.raises(AttributeError):
        both.set_epoch(1)


@pytest.mark.parametrize(
    "fields, messages",
    [
        ({"metric": {"name": "softmax"}}, "metric is 'softmax'. Set it to a loss that compares"),
        ({"classification": {"name": "ge2e"}}, "is 'ge2e'. Set it to a loss that classifies"),
        ({"metric": {"name": "weighted_sum"}}, "metric is 'weighted_sum'"),
        ({"metric": {"name": "tripled"}}, "Did you mean 'triplet'?"),
        ({"metric": {"name": "triplet", "minig": "all"}}, "Did you mean 'mining'?"),
    ],
)
def test_losses_of_a_weighted_sum_that_do_not_fit_are_refused(fields, messages):
    with pytest.raises(ConfigError) as error:
        build("weighted_sum", **fields)
    assert messages in str(error.value)


def test_both_losses_of_a_sum_are_weighted():
    weights = {"classification_weight": 0.25, "metric_weight": 0.75}
    loss = build("weighted_sum", in_dim=4, num_speakers=5, **weights)
    one, other = (part(*groups())[0].item() for part in (loss.classification, loss.metric))
    assert loss(*groups())[0].item() == pytest.approx(0.25 * one + 0.75 * other, rel=1e-6)


def test_a_sum_finds_the_losses_within_it():
    section = {"name": "am_softmax", "margin": 0.1}
    inner = build("weighted_sum", classification=section)
    outer = build(
        "weighted_sum", classification={"name": "weighted_sum", "classification": section}
    )
    assert inner.find_part({"name": "am_softmax", "margin": 0.1}) is inner.classification
    assert outer.find_part(section) is outer.classification.classification
    assert inner.find_part({"name": "triplet"}) is inner.metric
    assert inner.find_part({"name": "am_softmax", "margin": 0.2}) is None
    assert inner.classification.find_part(section) is None


def test_center_and_ring_loss_by_hand():
    """(3, 4) is 5 long, and 2 sqrt(2) from its centre (1, 2)."""
    center = build("center")
    center.center_SE.data = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    batch = torch.tensor([[3.0, 4.0]]), torch.tensor([1])
    assert center(*batch)[0].item() == pytest.approx(8.0)
    assert build("ring", initial_radius=2.0)(*batch)[0].item() == pytest.approx(4.5)


def test_the_entropy_is_that_of_nearest_neighbours_of_any_speaker():
    """At 0, 90 and 180 degrees: all nearest neighbours are sqrt(2) away."""
    batch = torch.tensor([[2.0, 0.0], [0.0, 1.0], [-3.0, 0.0]]), torch.tensor([0, 0, 1])
    value, _ = build("entropy")(*batch)
    assert value.item() == pytest.approx(-math.log(2**0.5), abs=1e-5)


def test_the_entropy_of_a_single_utterance_is_0():
    value, _ = build("entropy")(torch.ones(1, 2), torch.tensor([0]))
    assert value.item() == 0


def test_three_losses_are_summed_by_a_weighted_sum_within_another():
    inner = {"name": "weighted_sum", "metric": {"name": "triplet"}}
    parts = {"classification": inner, "metric": {"name": "entropy"}, "metric_weight": 0.001}
    loss, batch = build("weighted_sum", in_dim=4, num_speakers=5, **parts), groups()
    assert loss.utts_per_speaker_needed == 2
    expected = loss.classification(*batch)[0] + 0.001 * build("entropy", in_dim=4)(*batch)[0]
    assert loss(*batch)[0].item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_weight_of_the_other_loss_can_start_late_and_grow():
    loss = build("weighted_sum", metric_weight=0.5, metric_start_epoch=2, metric_warmup_epochs=4)
    weights = []
    for epoch in (0, 1.9, 2, 3, 6, 9):
        loss.set_epoch(epoch)
        weights.append(loss.metric_weight)
    assert weights == pytest.approx([0, 0, 0, 0.125, 0.5, 0.5])
