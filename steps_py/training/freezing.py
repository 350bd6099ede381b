"""Modules of the network that are frozen for the first epochs."""

from collections.abc import Mapping

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
        modules = dict(model.named_modules()) | {"loss": loss}
        modules |= {f"loss.{name}": module for name, module in loss.named_modules() if name}
        del modules[""]
        for name in epochs_frozen:
            if name not in modules:
                top = [known for known in modules if "." not in known]
                raise ConfigError(
                    f"train.freeze: unknown module '{name}'. {did_you_mean(name, top)}"
                )
        self._until = [(modules[name], epochs) for name, epochs in epochs_frozen.items()]
        parameters = [*model.parameters(), *loss.parameters()]
        always = {id(p) for m, epochs in self._until if epochs is None for p in m.parameters()}
        if parameters and all(id(p) in always for p in parameters):
            raise ConfigError("train.freeze: all modules are always frozen. Remove one of them.")

    def apply(self, epoch: float) -> None:
        """Set requires_grad and eval mode of the frozen modules at `epoch`.

        Call after ``model.train()``.
        """
        for module, _ in self._until:
            module.requires_grad_(True)
        for module, epochs in self._until:
            if epochs is None or epoch < epochs:
                module.requires_grad_(False)
                module.eval()
