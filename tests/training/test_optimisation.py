"""Optimisers and schedules, built by their registries and checked by hand."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steps_py.errors import ConfigError
from steps_py.model.registries import OPTIMIZERS, SCHEDULES
from steps_py.settings.check import check
from steps_py.settings.declare import type_schema
from steps_py.training import optimizers, schedules  # noqa: F401 - they register
from steps_py.training.config import TrainConfig
from steps_py.training.optimizers.base import decay_groups
from steps_py.training.registered import registered
from steps_py.training.schedules.base import KEEP, METRICS, RESET

torch.set_num_threads(1)


def test_weight_decay_does_not_apply_to_biases_by_default():
    layer = torch.nn.Linear(3, 2)
    matrices, vectors = decay_groups(layer.parameters(), weight_decay=0.1)
    assert [tuple(p.shape) for p in matrices["params"]] == [(2, 3)]
    assert [tuple(p.shape) for p in vectors["params"]] == [(2,)]
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0.0)
    both = decay_groups(layer.parameters(), weight_decay=0.1, decay_all=True)
    assert [group["weight_decay"] for group in both] == [0.1, 0.1]


def section_of(name, **keys):
    """The section of an optimiser; the keys are those of sgd if it wraps another."""
    if hasattr(OPTIMIZERS.find(name).Config(), "inner"):
        return {"name": name, "inner": {"name": "sgd", **keys}}
    return {"name": name, **keys}


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_every_optimizer_decreases_the_loss(name):
    weight = torch.nn.Parameter(torch.full((2, 2), 3.0))
    optimizer = OPTIMIZERS.build(section_of(name, lr=0.05), parameters=[weight])
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert len(optimizer.param_groups) == 2


@pytest.mark.parametrize("name", OPTIMIZERS.names())
@pytest.mark.parametrize("decay_all, norm_after", [(False, 1.0), (True, 0.99)])
def test_every_optimizer_decays_norms_only_with_decay_all(name, decay_all, norm_after):
    """Gradient 0, lr 0.1, decay 0.1: decayed weights shrink, by 0.01 where adam does not scale."""
    norm = torch.nn.Parameter(torch.ones(3))
    matrix = torch.nn.Parameter(torch.ones(2, 2))
    section = section_of(name, lr=0.1, weight_decay=0.1, decay_all=decay_all)
    plain = section.get("inner", section)
    plain |= {"momentum": 0.0} if plain["name"] == "sgd" else {}
    optimizer = OPTIMIZERS.build(section, parameters=[norm, matrix])
    norm.grad, matrix.grad = torch.zeros(3), torch.zeros(2, 2)
    optimizer.step()
    assert (matrix < 1).all()
    expected = norm_after if name != "adam" else (0.9 if decay_all else 1.0)
    assert norm[0].item() == pytest.approx(expected)


def test_one_nesterov_step_by_hand():
    """v = g = 2w = 2; step lr (g + momentum v) = 0.1 (2 + 0.9 * 2) = 0.38."""
    weight = torch.nn.Parameter(torch.ones(1, 1))
    section = {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0}
    optimizer = OPTIMIZERS.build(section, parameters=[weight])
    weight.square().sum().backward()
    optimizer.step()
    assert weight.item() == pytest.approx(0.62)


def test_one_step_of_sam_by_hand():
    """w^4 at 1: up to 1.5, where the slope is 13.5; from 1 that is 0.01 * 13.5 down."""
    weight = torch.nn.Parameter(torch.ones(1, 1))
    sgd = {"name": "sgd", "lr": 0.01, "momentum": 0.0, "weight_decay": 0.0}
    sam = {"name": "sam", "radius": 0.5, "inner": sgd}
    optimizer = OPTIMIZERS.build(sam, parameters=[weight])
    (weight**4).sum().backward()
    with optimizer.perturbed():
        (weight**4).sum().backward()
    optimizer.step()
    assert weight.item() == pytest.approx(1 - 0.135)


@pytest.mark.parametrize("gradient", [float("nan"), float("inf"), 0.0])
def test_sam_restores_the_weights_to_the_bit_whatever_the_gradient(gradient):
    weight = torch.nn.Parameter(torch.tensor([0.1, 1e8]))
    before = weight.detach().clone()
    optimizer = OPTIMIZERS.build({"name": "sam"}, parameters=[weight])
    weight.grad = torch.full((2,), gradient)
    with optimizer.perturbed():
        assert weight.grad is None
    assert torch.equal(weight, before)


def test_lookahead_starts_anew_from_the_weights_after_a_reset():
    weight = torch.nn.Parameter(torch.tensor([8.0]))
    sgd = {"name": "sgd", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0}
    optimizer = OPTIMIZERS.build(
        {"name": "lookahead", "sync_steps": 2, "inner": sgd}, parameters=[weight]
    )
    for value in (8.0, 100.0):  # each time two steps down and half way back
        weight.data.fill_(value)
        for _ in range(2):
            weight.grad = torch.ones(1)
            optimizer.step()
        assert weight.item() == value - 1
        optimizer.reset_state()


@pytest.mark.parametrize("name", ["lookahead", "sam"])
def test_sam_within_another_optimizer_is_refused(name):
    """The outer one would take its steps without the second pass."""
    train = {"optimizer": {"name": name, "inner": {"name": "sam"}}}
    (fault,) = check(
        {"properties": {"optimizer": type_schema(TrainConfig.__annotations__["optimizer"])}},
        train,
        parts=registered(),
    )
    assert fault.startswith("'optimizer.inner.name' is 'sam'. Put it outside:")


@pytest.mark.parametrize("name", SCHEDULES.names())
def test_every_schedule_is_between_0_and_1_and_resumes_from_its_state(name):
    """A schedule that is rebuilt from its state each epoch returns the same factors."""
    schedule = SCHEDULES.build({"name": name}, num_steps=50, steps_per_epoch=5)
    assert schedule.metric in (None, *METRICS)
    for epoch in range(10):
        again = SCHEDULES.build({"name": name}, num_steps=50, steps_per_epoch=5)
        again.restore(json.loads(json.dumps(schedule.state())))
        value = None if schedule.metric is None else 1.0 + epoch % 3
        assert schedule.end_epoch(value) == again.end_epoch(value)
        factors = [schedule.factor(step) for step in range(51)]
        assert factors == [again.factor(step) for step in range(51)]
        assert min(factors) >= 0 and max(factors) <= 1


WITH_WARM_UP = [
    name
    for name in SCHEDULES.names()
    if hasattr(SCHEDULES.configure({"name": name})[1], "warmup_epochs")
]


@pytest.mark.parametrize("name", WITH_WARM_UP)
def test_every_schedule_warms_up_and_does_not_rise_afterwards(name):
    section = {"name": name, "warmup_epochs": 2}
    schedule = SCHEDULES.build(section, num_steps=50, steps_per_epoch=5)
    factors = [schedule.factor(step) for step in range(51)]
    # ten steps of warm-up: 1/11, 2/11, ... 10/11, then 1
    assert factors[:11] == pytest.approx([(i + 1) / 11 for i in range(11)])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert min(factors) >= 0


def torch_factors(scheduler_of, num_steps):
    """Learning rates and momenta that a scheduler of torch gives an SGD with lr 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.9)
    scheduler, factors = scheduler_of(optimizer), []
    for _ in range(num_steps):
        factors.append([optimizer.param_groups[0][key] for key in ("lr", "momentum")])
        optimizer.step()
        scheduler.step()
    return zip(*factors, strict=True)


@pytest.mark.parametrize("growth", [1, 3])
def test_warm_restarts_are_those_of_torch(growth):
    keys = {"first_epochs": 2.0, "growth": float(growth), "final_ratio": 0.1}
    schedule = SCHEDULES.build({"name": "cosine_restarts", **keys}, num_steps=60, steps_per_epoch=5)
    rates, _ = torch_factors(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            optimizer, T_0=10, T_mult=growth, eta_min=0.1
        ),
        60,
    )
    assert [schedule.factor(step) for step in range(60)] == pytest.approx(rates)


@pytest.mark.parametrize("shape, anneal", [("cosine", "cos"), ("linear", "linear")])
def test_one_cycle_is_that_of_torch(shape, anneal):
    section = {"name": "one_cycle", "shape": shape, "rise_share": 0.35}
    schedule = SCHEDULES.build(section, num_steps=41, steps_per_epoch=5)
    rates, momenta = torch_factors(
        lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=1.0, total_steps=41, pct_start=0.35, anneal_strategy=anneal
        ),
        40,
    )
    assert [schedule.factor(step) for step in range(40)] == pytest.approx(rates)
    assert [schedule.momentum(step) for step in range(40)] == pytest.approx(momenta)


@pytest.mark.parametrize("num_steps", [1, 2, 3])
@pytest.mark.parametrize("rise_share", [0.0, 0.5, 1.0])
def test_one_cycle_of_few_steps_is_defined(num_steps, rise_share):
    section = {"name": "one_cycle", "rise_share": rise_share}
    schedule = SCHEDULES.build(section, num_steps=num_steps, steps_per_epoch=1)
    assert all(0 < schedule.factor(step) <= 1 for step in range(num_steps + 1))


def test_a_warm_up_can_be_longer_than_the_training():
    section = {"name": "cosine", "warmup_epochs": 100}
    schedule = SCHEDULES.build(section, num_steps=10, steps_per_epoch=5)
    assert schedule.factor(9) == pytest.approx(10 / 501)


def epochs(section, values):
    schedule = SCHEDULES.build(section, num_steps=100, steps_per_epoch=10)
    messages = []
    for value in values:
        action = schedule.end_epoch(value)
        messages.append((action, schedule.factor(0), schedule.finished))
    return messages


def test_plateau_counts_bad_epochs_since_the_best_or_the_last_change():
    section = {"name": "plateau", "ratio": 0.5, "patience": 1, "min_ratio": 0.3}
    values = [1.0, 1.0, 1.0, 0.9, 0.95, 0.95, 0.95, 0.95]
    factors = [factor for _, factor, _ in epochs(section, values)]
    assert factors == [1, 1, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]  # 0.25 would be below min_ratio


def test_halving_resets_to_the_best_weights_and_ends_at_the_lowest_rate():
    """Patience 2 as in SEQUENS: the third bad epoch in a row halves the rate."""
    section = {"name": "halve_and_reset_to_best", "patience": 2, "final_ratio": 0.4}
    values = [2.0, 3.0, 1.0, 5.0, 5.0, 5.0, 0.5, 1.0, 1.0, 1.0]
    messages = epochs(section, values)
    actions = [action for action, _, _ in messages]
    assert actions == [KEEP, None, KEEP, None, None, RESET, KEEP, None, None, RESET]
    assert [factor for _, factor, _ in messages][5:] == [0.5, 0.5, 0.5, 0.5, 0.25]
    assert [finished for _, _, finished in messages] == [False] * 9 + [True]


def test_a_late_patience_replaces_the_first_from_its_epoch_on():
    """Patience 3, and 0 from epoch 5 on; an interrupted training counts its epochs on."""
    section = {"name": "halve_and_reset_to_best", "patience": 3}
    section |= {"late_patience": 0, "late_epoch": 5}
    values = [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.5, 0.6]
    actions = [action for action, _, _ in epochs(section, values)]
    assert actions == [KEEP, None, None, None, RESET, RESET, KEEP, RESET]
    sizes = {"num_steps": 8, "steps_per_epoch": 1}
    first, second = (SCHEDULES.build(section, **sizes) for _ in range(2))
    for value in values[:4]:
        first.end_epoch(value)
    second.restore(first.state())
    assert [second.end_epoch(value) for value in values[4:]] == actions[4:]


def test_nan_is_never_an_improvement():
    section = {"name": "halve_and_reset_to_best", "patience": 0}
    assert [action for action, _, _ in epochs(section, [float("nan"), 1.0, float("nan")])] == [
        RESET,
        KEEP,
        RESET,
    ]


def test_higher_accuracy_and_lower_loss_are_better():
    accuracy = {"name": "plateau", "metric": "valid_accuracy", "patience": 0, "ratio": 0.5}
    assert [f for _, f, _ in epochs(accuracy, [0.5, 0.6, 0.55])] == [1, 1, 0.5]
    loss = {"name": "plateau", "patience": 0, "ratio": 0.5}
    assert [f for _, f, _ in epochs(loss, [0.5, 0.6, 0.45])] == [1, 0.5, 0.5]


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=40), st.integers(0, 3))
def test_the_best_weights_are_those_of_the_lowest_loss(values, patience):
    section = {"name": "halve_and_reset_to_best", "patience": patience}
    kept = [
        v
        for v, (action, _, _) in zip(values, epochs(section, values), strict=True)
        if action == KEEP
    ]
    assert kept[-1] == min(values)


@pytest.mark.parametrize(
    "section, messages",
    [
        ({"name": "plateau", "metric": "valid_los"}, "Did you mean 'valid_loss'?"),
        ({"name": "cyclic", "mode": "triangle"}, "Did you mean 'triangular'?"),
        ({"name": "cyclic", "up_epochs": 0}, "up_epochs': 0 is not above 0"),
        ({"name": "step", "every_epochs": 0}, "every_epochs': 0 is not above 0"),
        ({"name": "noam", "warmup_steps": 0}, "warmup_steps': 0 is less than"),
    ],
)
def test_mistakes_in_a_schedule_are_errors(section, messages):
    with pytest.raises(ConfigError) as error:
        SCHEDULES.build(section, num_steps=10, steps_per_epoch=5)
    assert messages in str(error.value)
