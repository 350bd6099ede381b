"""What a registered front-end, encoder, pooling or optimiser must provide.

Losses, schedules and samplers have base classes instead: `steps_py.model.loss`,
`steps_py.training.schedules.base` and `steps_py.chunks.samplers.base`.

Shape suffixes: B batch, T frames, D feature dimension, C channels.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch


class NetworkFrontEnd(Protocol):
    """Features to other features, before the encoder; an nn.Module.

    Padding of the input and of the output is 0 and must not affect real frames.  Of T frames there
    remain ``(T - min_frames) // frame_stride + 1``; a frame of the output is real if all frames
    that it is computed of are: ``mask_BT[:, min_frames - 1 :: frame_stride]``.

    Attributes
    ----------
    out_dim : int
        Dimension of the output frames.
    min_frames : int
        Minimum number of input frames; 1 unless frames at the ends are lost.
    frame_stride : int
        Input frames per output frame; 1 without subsampling.

    A class that reads files of the recipe lists them in ``files`` and has a method
    ``portable_options()``, options with which final.pt is read without them.
    ``exportable = False`` declares code that torch.export takes for a fixed length only, and
    torch.compile in several graphs.
    """

    out_dim: int
    min_frames: int
    frame_stride: int

    def __init__(self, config: Any, in_dim: int): ...

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T', out_dim) and their mask (B, T')."""


class Encoder(Protocol):
    """Features to frames of another dimension; an nn.Module.

    Padding of the input is 0 and must not affect real frames, see `steps_py.model.layers`.

    Attributes
    ----------
    out_dim : int
        Dimension C of the output frames.
    min_frames : int
        Minimum number of input frames.

    An encoder that is computed faster in another form has a method ``merge_branches()``, which
    `XvectorModel.merge_branches` calls for extraction.  Any module of a network can have a method
    ``constrain_weights()``; the trainer calls it after every fourth step.
    """

    out_dim: int
    min_frames: int

    def __init__(self, config: Any, in_dim: int): ...

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames (B, T', C) and their mask (B, T'), subsampled or cut like the frames."""


class Pooling(Protocol):
    """Frames to one vector per utterance; an nn.Module.

    Attributes
    ----------
    out_dim : int
        Dimension of the vector.
    """

    out_dim: int

    def __init__(self, config: Any, in_dim: int): ...

    def forward(self, x_BTC: torch.Tensor, mask_BT: torch.Tensor | None = None) -> torch.Tensor:
        """Vectors (B, out_dim)."""


class Optimizer(Protocol):
    """A torch optimiser, or a class with its methods that wraps one.

    The schedule multiplies the learning rate of its `param_groups`.  If `perturbs_weights` is true,
    each step takes a second pass over the batch within its context manager ``perturbed()``.
    """

    param_groups: list[dict[str, Any]]

    def __init__(self, config: Any, parameters: Sequence[torch.nn.Parameter]): ...
