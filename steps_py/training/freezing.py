"""Modules of the network that are frozen for the first epochs."""

from collections.abc import Iterable, Mapping

import torch

from steps_py.errors import ConfigError, did_you_mean


class Freezing:
    """Freezes modules: fixed weights, fixed running statistics of batch norm, no dropout.

    Parameters
    ----------
    epochs_frozen : dict
        Module name -> number of epochs (may be a fraction) it stays frozen; None: always.
        Names are those of the model's submodules (``encoder``, ``encoder.layers.0``,
        ``pooling``, ``embedding``), ``loss`` and ``loss.<submodule>``.
    model, loss : torch.nn.Module

    Raises
    ------
    ConfigError
        For an unknown name, or if no weight would ever be trained.
    """

    def __init__(
        self,
        epochs_frozen: Mapping[str, float | None],
        model: torch.nn.Module,
        loss: torch.nn.Module,
    ):
        modules = named_modules("train.freeze", epochs_frozen, model, loss)
        self._until = [(modules[name], epochs) for name, epochs in epochs_frozen.items()]
        # others, of a frozen front-end, are never trained
        self._trained = [p for m, _ in self._until for p in m.parameters() if p.requires_grad]
        parameters = [*model.parameters(), *loss.parameters()]
        always = {id(p) for m, epochs in self._until if epochs is None for p in m.parameters()}
        if parameters and all(id(p) in always for p in parameters):
            raise ConfigError("train.freeze: all modules are always frozen. Remove one of them.")

    def apply(self, epoch: float) -> None:
        """Set requires_grad and eval mode of the frozen modules at `epoch`.

        Call after ``model.train()``.
        """
        for parameter in self._trained:
            parameter.requires_grad_(True)
        for module, epochs in self._until:
            if epochs is None or epoch < epochs:
                module.requires_grad_(False)
                module.eval()


def named_modules(
    where: str, names: Iterable[str], model: torch.nn.Module, loss: torch.nn.Module
) -> dict[str, torch.nn.Module]:
    """All modules of model and loss by name, as keys of section ``train`` name them.

    Raises ConfigError, with the key `where`, if one of `names` is not among them.
    """
    modules = dict(model.named_modules()) | {"loss": loss}
    modules |= {f"loss.{name}": module for name, module in loss.named_modules() if name}
    del modules[""]
    for name in names:
        if name not in modules:
            top = [known for known in modules if "." not in known]
            raise ConfigError(f"{where}: unknown module '{name}'. {did_you_mean(name, top)}")
    return modules
