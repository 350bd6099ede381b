"""Parts of the network that stand still for the first epochs."""

from steps_py.errors import ConfigError, did_you_mean


class Freezing:
    """Which parts are frozen when.

    A part is a name in the network (``encoder``, ``encoder.layers.0``, ``pooling``,
    ``embedding``) or ``loss``.  Frozen, nothing in it changes: neither its weights, nor the
    running statistics of its batch norms, and dropout is off.

    Parameters
    ----------
    parts : dict
        Part -> epochs for which it is frozen (may be a fraction), or None: throughout.
    """

    def __init__(self, parts, model, loss):
        places = dict(model.named_modules()) | {"loss": loss}
        places |= {f"loss.{name}": module for name, module in loss.named_modules() if name}
        del places[""]
        for name in parts:
            if name not in places:
                top = [place for place in places if "." not in place]
                raise ConfigError(f"train.freeze: unknown part '{name}'. {did_you_mean(name, top)}")
        self._until = [(places[name], epochs) for name, epochs in parts.items()]
        parameters = [*model.parameters(), *loss.parameters()]
        forever = {id(p) for m, epochs in self._until if epochs is None for p in m.parameters()}
        if parameters and all(id(p) in forever for p in parameters):
            raise ConfigError("train.freeze: all parts are frozen throughout. Leave one out.")

    def apply(self, epoch):
        """Freeze and thaw for a moment `epoch` in epochs; all modules are in training mode."""
        for module, _ in self._until:
            module.requires_grad_(True)
        for module, epochs in self._until:
            if epochs is None or epoch < epochs:
                module.requires_grad_(False)
                module.eval()
