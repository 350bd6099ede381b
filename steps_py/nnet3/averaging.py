"""The weighted average of networks with the same components (nnet3-average).

Statistics are averaged as the sums that Kaldi keeps: a mean weighs as much as its count.
"""

import numpy as np

from steps_py.errors import KaldiError
from steps_py.nnet3.components import BatchNormComponent, NonlinearComponent


class NetworkAverage:
    """The average of networks that are added one by one; weights should sum to 1."""

    def __init__(self):
        self.network = None
        self._sums = {}

    def add(self, network, weight: float) -> None:
        """Add a network; KaldiError if its components differ from those of the first."""
        if self.network is None:
            self.network = network
        mine = {name: c.type for name, c in self.network.components.items()}
        theirs = {name: c.type for name, c in network.components.items()}
        if mine != theirs:
            raise KaldiError(
                f"{network.where}: its components are not those of {self.network.where}. Only"
                " networks of one structure can be averaged."
            )
        for name, component in network.components.items():
            for key, value in _summands(component).items():
                self._add(name, key, weight * np.asarray(value, np.float64), network.where)

    def _add(self, name, key, value, where):
        before = self._sums.get((name, key))
        if before is None or before.size == 0:
            self._sums[name, key] = value
        elif value.size:
            if value.shape != before.shape:
                raise KaldiError(
                    f"{where}: {key} of component '{name}' is {value.shape}, in networks before"
                    f" {before.shape}."
                )
            self._sums[name, key] = before + value

    def result(self):
        """The first network with averaged values."""
        for name, component in self.network.components.items():
            sums = {key: value for (owner, key), value in self._sums.items() if owner == name}
            component.__dict__.update(_from_summands(component, sums))
        return self.network


def _summands(component):
    """What is added up of a component: {name: number or array}."""
    if isinstance(component, BatchNormComponent):
        mean = component.stats_mean.astype(np.float64)
        square = component.stats_var.astype(np.float64) + mean**2
        count = component.count
        return {"count": count, "stats_mean": count * mean, "stats_var": count * square}
    values = component.scaled(1.0)
    if isinstance(component, NonlinearComponent):
        count, derivatives = component.count, component.oderiv_count
        values["value_avg"] = count * component.value_avg.astype(np.float64)
        values["deriv_avg"] = count * component.deriv_avg.astype(np.float64)
        values["oderiv_rms"] = derivatives * component.oderiv_rms.astype(np.float64) ** 2
    return values


def _from_summands(component, sums):
    """The attributes of a component whose `_summands` are `sums`."""
    values = {
        key: float(value) if value.ndim == 0 else value.astype(np.float32)
        for key, value in sums.items()
    }
    if isinstance(component, BatchNormComponent):
        count = sums["count"] or 1.0
        mean = sums["stats_mean"] / count
        values["stats_mean"] = mean.astype(np.float32)
        values["stats_var"] = (sums["stats_var"] / count - mean**2).astype(np.float32)
    if isinstance(component, NonlinearComponent):
        count, derivatives = sums["count"] or 1.0, sums["oderiv_count"] or 1.0
        for key in ("value_avg", "deriv_avg"):
            values[key] = (sums[key] / count).astype(np.float32)
        values["oderiv_rms"] = np.sqrt(sums["oderiv_rms"] / derivatives).astype(np.float32)
    return values
