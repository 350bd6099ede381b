"""Learning rates of single modules."""

import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.model.registries import OPTIMIZERS
from steps_py.training.lr_factors import set_lr_factors
from steps_py.training.optimizers.base import set_rates

SGD = {"name": "sgd", "momentum": 0.0, "weight_decay": 0.0}


def network():
    parts = {"front": torch.nn.Linear(1, 1), "encoder": torch.nn.Linear(1, 1)}
    model = torch.nn.ModuleDict({"net": torch.nn.ModuleDict(parts)})
    return model, torch.nn.Linear(1, 1)


@pytest.mark.parametrize("section", [SGD, {"name": "lookahead", "inner": SGD, "sync_steps": 9}])
def test_a_step_of_sgd_is_as_long_as_the_innermost_factor_says(section):
    """Of gradients of 1, with a rate of 0.5: 0.5 times 0.2, 10 and 1."""
    model, loss = network()
    parameters = [*model.parameters(), *loss.parameters()]
    optimizer = OPTIMIZERS.build(section, parameters=parameters)
    set_lr_factors(optimizer, {"net": 10.0, "net.front": 0.2}, model, loss)
    set_rates(optimizer, 0.5)
    for p in parameters:
        p.data.zero_()
        p.grad = torch.ones_like(p)
    optimizer.step()
    steps = [-0.1, -0.1, -5.0, -5.0, -0.5, -0.5]
    assert [p.item() for p in parameters] == pytest.approx(steps)


def test_unknown_modules_are_errors():
    model, loss = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    with pytest.raises(ConfigError, match=r"train.lr_factors: unknown module 'nett'. Did you mean"):
        set_lr_factors(optimizer, {"nett": 0.1}, model, loss)
