"""The front-ends of a network, one after the other.

Shape suffixes: B batch, T frames, D feature dimension.
"""

from collections.abc import Sequence

import torch
from torch import nn

from steps_py.model.registries import FRONT_ENDS
from steps_py.settings.declare import name_and_options


class FrontEndChain(nn.ModuleList):
    """Front-ends that ``model.front_ends`` names, for features of `in_dim` dimensions.

    >>> chain = FrontEndChain(["select_columns", {"deltas": {"order": 1}}], in_dim=11)
    >>> chain.out_dim, chain(torch.zeros(2, 30, 11), None)[0].shape
    (20, torch.Size([2, 30, 20]))
    """

    def __init__(self, elements: Sequence[str | dict], in_dim: int):
        super().__init__()
        self.out_dim = in_dim
        for element in elements:
            name, options = name_and_options(element)
            self.append(FRONT_ENDS.build({"name": name, **options}, in_dim=self.out_dim))
            self.out_dim = self[-1].out_dim

    def frames_needed(self, num_frames: int) -> int:
        """Minimum number of input frames for `num_frames` of the output.

        >>> FrontEndChain(["deltas"], in_dim=4).frames_needed(15)
        15
        """
        for front_end in reversed(self):
            num_frames = front_end.min_frames + (num_frames - 1) * front_end.frame_stride
        return num_frames

    def portable(self, elements: Sequence[str | dict]) -> list[str | dict]:
        """`elements`, of which this chain was built, without files that they name."""
        result = []
        for element, front_end in zip(elements, self, strict=True):
            if hasattr(front_end, "portable_options"):
                name, options = name_and_options(element)
                element = {name: options | front_end.portable_options()}
            result.append(element)
        return result

    def forward(
        self, x_BTD: torch.Tensor, mask_BT: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Frames and mask after all front-ends; padding of input and output is 0."""
        for front_end in self:
            x_BTD, mask_BT = front_end(x_BTD, mask_BT)
        return x_BTD, mask_BT
