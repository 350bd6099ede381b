"""Outputs of the layers of a network: which axis is time, and maps of them on frames.

Shape suffixes (scope: this module):
    B = batch   T = frames of the input   D = feature dimension
    C = channels   t, f = frames and frequencies of a layer
"""

from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import nn

from steps_py.errors import StepsError, did_you_mean

_MORE_FRAMES = 64  # a multiple of the strides of networks


@dataclass
class Call:
    """One call of a module in a pass: its name, its arguments and its output."""

    name: str
    module: nn.Module
    args: tuple = field(repr=False)
    kwargs: dict = field(repr=False)
    output: torch.Tensor = field(repr=False)


@contextmanager
def recorded_calls(network: nn.Module, names: Iterable[str]):
    """A list that receives a `Call` for each call of the named modules that gives a tensor.

    Of a tuple the first element counts.  What follows the module reads a copy of its output, so
    that an operation in place does not change the recorded one.
    """
    calls, handles = [], []
    for name in names:

        def record(module, args, kwargs, output, name=name):
            is_tuple = isinstance(output, tuple)
            first = output[0] if is_tuple else output
            if not isinstance(first, torch.Tensor) or not first.is_floating_point():
                return None
            calls.append(Call(name, module, args, kwargs, first))
            copy = first.clone()
            return (copy, *output[1:]) if is_tuple else copy

        module = network.get_submodule(name)
        handles.append(module.register_forward_hook(record, with_kwargs=True))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def leaf_names(network: nn.Module) -> list[str]:
    """The names of the modules without modules in them."""
    return [name for name, module in network.named_modules() if not [*module.children()]]


class Layout(NamedTuple):
    """What the axes of a layer's output are, and how its frames lie on those of the input.

    `frequency_axis` is None where there is no such axis. Input frames per frame, and input frames
    lost at both ends together, by convolutions without padding.
    """

    time_axis: int
    channel_axis: int
    frequency_axis: int | None
    frames_per_frame: float
    lost_frames: float

    def plane(self, values: torch.Tensor) -> torch.Tensor:
        """An output of one utterance as (C, t, f), f 1 without a frequency axis."""
        axes = [0, self.channel_axis, self.time_axis]
        if self.frequency_axis is None:
            return values.permute(axes)[0].unsqueeze(2)
        return values.permute([*axes, self.frequency_axis])[0]

    def on_frames(self, plane_Ctf, num_frames: int, dim: int, corners: bool = False):
        """Linear interpolation of (C, t, f) to (C, T, D).

        Frames stand at the centres of those that they are computed of; with `corners` the first
        and last ones are those of the input.
        """
        time_T = self._positions(num_frames, plane_Ctf.shape[1], corners)
        plane_CTf = _interpolated(plane_Ctf, time_T, 1)
        if plane_Ctf.shape[2] == 1:
            return plane_CTf.expand(-1, -1, dim)
        return _interpolated(plane_CTf, _even(dim, plane_Ctf.shape[2], corners), 2)

    def _positions(self, num_frames, num_layer, corners):
        if self.lost_frames <= self.frames_per_frame:
            return _even(num_frames, num_layer, corners)
        centre_T = torch.arange(num_frames) + 0.5 - self.lost_frames / 2
        return centre_T / self.frames_per_frame - 0.5


def _even(num, num_layer, corners):
    """Positions in a layer of `num` frames that it spans."""
    place = torch.arange(num, dtype=torch.float64)
    if corners:
        return place * (num_layer - 1) / max(1, num - 1)
    return (place + 0.5) * num_layer / num - 0.5


def _interpolated(values, position, axis):
    """Linear interpolation at positions, which are moved to the nearest one that exists."""
    last = values.shape[axis] - 1
    position = position.clamp(0, last)
    low = position.floor().long()
    high = (low + 1).clamp(max=last)
    share = (position - low).to(values)
    shape = [-1 if place == axis else 1 for place in range(values.ndim)]
    share = share.reshape(shape)
    return values.index_select(axis, low) * (1 - share) + values.index_select(axis, high) * share


def layouts(network: nn.Module, x_TD: torch.Tensor, names: Iterable[str]) -> dict[str, Layout]:
    """The layouts of the named modules whose output has a time axis, in the order of their calls.

    The time axis is the one whose length grows with the number of frames.  The channels are the
    first other axis after the batch, and frequency the one that is left, if there is one.

    >>> network = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> layouts(network, torch.zeros(20, 2), ["1"])["1"][:3]
    (1, 2, None)
    """
    shapes = []
    more_TD = x_TD[torch.arange(len(x_TD) + _MORE_FRAMES) % len(x_TD)]
    for input_TD in (x_TD, more_TD):
        with recorded_calls(network, names) as calls, torch.no_grad():
            network(input_TD[None])
        shapes.append({call.name: call.output.shape for call in calls})
    found = {}
    for name, shape in shapes[0].items():
        longer = shapes[1].get(name, ())
        if len(shape) not in (3, 4) or len(longer) != len(shape) or shape[0] != 1:
            continue
        grown = [axis for axis in range(1, len(shape)) if longer[axis] > shape[axis]]
        if len(grown) != 1:
            continue
        (time,) = grown
        channel, *others = [axis for axis in range(1, len(shape)) if axis != time]
        ratio = _MORE_FRAMES / (longer[time] - shape[time])
        lost = len(x_TD) - ratio * shape[time]
        found[name] = Layout(time, channel, others[0] if others else None, ratio, lost)
    return found


def named_layer(network: nn.Module, x_TD: torch.Tensor, layer: str | None) -> tuple[str, Layout]:
    """The layer that is named, or the last one of the encoder with a time axis.

    "Last" is in the order of calls, among modules without modules in them; a network without an
    attribute ``encoder`` counts as a whole.
    """
    if layer is not None:
        names = [name for name, _ in network.named_modules() if name]
        if layer not in names:
            raise StepsError(
                f"layer: the network has none named '{layer}'. {did_you_mean(layer, names)}"
            )
        found = layouts(network, x_TD, [layer])
        if not found:
            raise StepsError(f"layer: the output of '{layer}' has no time axis. Name another.")
        return layer, found[layer]
    names = leaf_names(network)
    inside = [name for name in names if "encoder" in name.split(".")[:-1] or name == "encoder"]
    found = layouts(network, x_TD, inside or names)
    if not found:
        raise StepsError("layer: no layer of the network has a time axis. Choose another method.")
    return [*found.items()][-1]
