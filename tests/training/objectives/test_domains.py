"""Objectives of domains against values and gradients computed by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from steps_py.draws import generator
from steps_py.errors import ConfigError
from steps_py.training.objectives.coral import coral_distance
from steps_py.training.objectives.gradient_reversal import rise
from steps_py.training.objectives.mmd import squared_mmd
from steps_py.training.objectives.wasserstein import draw_between, gradient_penalty
from tests.support.small_training import small_run, small_sections
from tests.training.objectives.test_head import first_trainer

UNLABELLED = {"set": "adapt", "batch_size": 8}


def test_the_discrepancy_of_single_points_is_that_of_the_kernel():
    """Source {0, 0} and target {1, 1}: 1 + 1 - 2 k(0, 1); the mean squared distance is 8/12."""
    source_BE, target_BE = torch.zeros(2, 1), torch.ones(2, 1)
    value = squared_mmd(source_BE, target_BE, [1.0, 2.0]).item()
    kernel = (math.exp(-12 / 8) + math.exp(-6 / 8)) / 2
    assert value == pytest.approx(2 - 2 * kernel, rel=1e-6)


def test_the_gradient_of_the_discrepancy_moves_the_domains_together():
    source_BE = torch.tensor([[0.0], [0.5]], requires_grad=True)
    squared_mmd(source_BE, torch.tensor([[3.0], [3.5]]), [1.0]).backward()
    assert (source_BE.grad < 0).all()  # a step against the gradient moves them up


def test_coral_is_the_squared_distance_of_covariances_computed_by_numpy():
    random = np.random.default_rng(1)
    a, b = random.normal(size=(5, 3)), random.normal(size=(9, 3)) * [1, 2, 3]
    expected = ((np.cov(a.T) - np.cov(b.T)) ** 2).sum() / (4 * 9)
    assert coral_distance(*map(torch.from_numpy, (a, b))).item() == pytest.approx(expected)


def test_the_penalty_is_the_mean_over_samples_of_the_distance_of_each_norm_from_one():
    """f(x) = x^2 / 2 has the gradient x: norms 1 and 3 give (0 + 4) / 2.

    The norm of the whole batch would be sqrt(10), and its penalty 4.67.
    """

    class Square(nn.Module):
        def forward(self, x_BE):
            return (x_BE.square() / 2).sum(dim=1, keepdim=True)

    x_BE = torch.tensor([[1.0, 0.0], [0.0, -3.0]])
    assert gradient_penalty(Square(), x_BE).item() == pytest.approx(2.0)


def test_points_between_domains_are_on_lines_and_depend_on_the_draw_alone():
    source_BE, target_BE = torch.zeros(2, 1), torch.ones(5, 1) * torch.arange(1.0, 6)[:, None]
    drawn = [draw_between(source_BE, target_BE, generator(1, "x", 0)) for _ in range(2)]
    assert drawn[0].equal(drawn[1]) and len(drawn[0]) == 5
    assert ((drawn[0] > 0) & (drawn[0] < 5)).all()


def test_the_factor_of_the_reversed_gradient_rises_as_published():
    """2 / (1 + exp(-10 p)) - 1 is tanh(5 p)."""
    for progress in (0, 0.25, 0.5, 1):
        assert rise(progress, 10) == pytest.approx(math.tanh(5 * progress))


def test_the_gradient_of_the_embedding_is_reversed_and_that_of_the_classifier_is_not(
    material, with_data, tmp_path
):
    """With a factor of 0.7: -0.7 of the gradient that the same classifier alone gives."""
    reversal = {
        "name": "gradient_reversal",
        "labels": "domain",
        "loss": {"name": "softmax", "hidden_dim": 0, "activation": False},
        "gamma": None,
        "max_factor": 0.7,
    }
    sections = with_data(small_sections(objectives={"domain": reversal}))
    trainer = first_trainer(material, sections, tmp_path)
    (objective,) = trainer.network.terms.objectives
    weight_SE = torch.tensor([[1.0, 0, 0, 0, 0, 0, 0, 0], [0.0] * 8])
    with torch.no_grad():
        for p in objective.loss.parameters():
            p.copy_(weight_SE if p.ndim == 2 else torch.zeros(2))
    x_BE = torch.zeros(2, 8, requires_grad=True)
    objective.set_epoch(0)
    labels = torch.tensor([0, 1])

    class Batch:
        embeddings, extra = {"outer": x_BE}, (labels,)

    value = objective(Batch)
    value.backward()
    assert value.item() == pytest.approx(math.log(2))
    # softmax gives 1/2 to both: d/dx_1 is (1/2 - 1) / 2 for the first chunk, 1/2 / 2 for the second
    assert x_BE.grad[:, 0].tolist() == pytest.approx([0.7 * 0.25, -0.7 * 0.25])
    assert not x_BE.grad[:, 1:].any()
    bias = next(p for p in objective.loss.parameters() if p.ndim == 1)
    assert bias.grad.tolist() == pytest.approx([0, 0])


def test_unlabelled_chunks_go_through_the_network_with_the_labelled_ones(
    material, with_data, tmp_path
):
    """The term is that of the embeddings of both, the loss that of the labelled ones alone."""
    sections = with_data(
        small_sections(
            objectives={"alike": {"name": "coral", "weight": 3.0}}, unlabelled=UNLABELLED
        )
    )
    trainer = first_trainer(material, sections, tmp_path)
    network = trainer.network
    read = tuple(map(torch.from_numpy, trainer.read_batch(1)))
    x_BTD, spk_id_B, x_NTD, length_N = read
    assert x_NTD.shape == x_BTD.shape and (length_N == x_BTD.shape[1]).all()
    network.terms.start_step(1, 0.0, 1.0)
    network.set_train_mode(0)
    total, _, values = network.compute_with_terms(0, (x_NTD, length_N), x_BTD, spk_id_B)
    both_AE = network.model(torch.cat([x_BTD, x_NTD]))
    loss, _ = network.loss(both_AE[:8], spk_id_B)
    term = coral_distance(both_AE[:8], both_AE[8:])
    assert values.tolist() == pytest.approx([term.item()], rel=1e-5)
    assert total.item() == pytest.approx((loss + 3 * term).item(), rel=1e-5)


def test_every_unlabelled_utterance_is_drawn_equally_often(material, with_data, tmp_path):
    """Seven utterances in batches of eight: 8 x 7 draws are eight of each."""
    sections = with_data(
        small_sections(objectives={"alike": {"name": "mmd"}}, unlabelled=UNLABELLED)
    )
    trainer = first_trainer(material, sections, tmp_path)
    sampler = trainer.network.terms.unlabelled._sampler
    rows = np.concatenate([sampler.batch(step).rows_B for step in range(7)])
    assert np.bincount(rows).tolist() == [8] * 7


def test_the_critic_takes_its_steps_and_the_network_none_of_them(material, with_data, tmp_path):
    """Before the term begins, only the critic learns: its estimate of the distance rises."""
    critic = {
        "name": "wasserstein",
        "hidden_dims": [16],
        "critic_steps": 4,
        "optimizer": {"name": "adam", "lr": 0.01},
        "lr_factor": 1.0,
        "start_epoch": 5,
    }
    sections = with_data(small_sections(objectives={"w": critic}, unlabelled=UNLABELLED))
    trainer = first_trainer(material, sections, tmp_path)
    network, (objective,) = trainer.network, trainer.network.terms.objectives
    read = tuple(map(torch.from_numpy, trainer.read_batch(0)))
    batch, extra = network.terms.split(read)
    network.set_train_mode(0)
    network.terms.start_step(0, 0.0, 1.0)
    before = {name: x.clone() for name, x in network.model.named_parameters()}
    for _ in range(5):
        _, _, values = network.compute_with_terms(0, extra, *batch)
    assert values.isnan().all()
    assert objective.own_optimizer.optimizer.state_dict()["state"][0]["step"] == 20
    assert all(p.equal(before[name]) for name, p in network.model.named_parameters())
    assert all(p.grad is None for p in network.parameters)
    own = {id(p) for p in objective.critic.parameters()}
    assert own.isdisjoint(map(id, network.parameters))


@pytest.mark.parametrize(
    "objective, train, message",
    [
        ({"name": "coral"}, {}, "needs train.unlabelled, a set of data.sets"),
        ({"name": "mmd", "labels": "domain", "target": "phne"}, {}, "no domain 'phne'. Did you"),
        (
            {"name": "wasserstein", "labels": "domain"},
            {"accumulate_steps": 2},
            "steps of its own on a whole batch; train.accumulate_steps is 2",
        ),
        (
            {"name": "coral"},
            {"unlabelled": UNLABELLED | {"batch_size": 7}, "accumulate_steps": 2},
            "batch_size is 7; it cannot be split evenly over 1 processes",
        ),
        ({"name": "coral", "labels": "domain"}, {"mix": {"name": "mixup"}}, "objectives need one"),
    ],
)
def test_what_does_not_fit_is_refused(material, with_data, tmp_path, objective, train, message):
    sections = with_data(small_sections(objectives={"own": objective}, **train))
    with pytest.raises(ConfigError) as error:
        small_run(material / "chunks", tmp_path, sections)
    assert message in str(error.value) and "\n" not in str(error.value)
