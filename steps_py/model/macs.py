"""The arithmetic of a network: multiply-adds of its convolutions and matrix products.

Shape suffixes: T frames, D feature dimension.
"""

import torch
from torch.utils.flop_counter import FlopCounterMode

from steps_py.model.build import XvectorModel, build_model
from steps_py.model.config import ModelConfig


def shape_of_model(config: ModelConfig, feat_dim: int) -> XvectorModel:
    """The network in eval mode with weights that have shapes but no values."""
    with torch.device("meta"):
        return build_model(config, feat_dim).eval()


def count_macs(model: XvectorModel, feat_dim: int, num_frames: int) -> int:
    """Multiply-adds for one utterance of T frames of D dimensions; `model` is on the meta device.

    Those of convolutions, affines and products inside attention, counted by torch.  Additions,
    norms and activations are not.

    >>> encoder = {"name": "tdnn", "out_dim": 5, "kernel_sizes": [3], "dilations": [1]}
    >>> config = ModelConfig(encoder=encoder, pooling={"name": "mean"}, embedding_dim=2)
    >>> count_macs(shape_of_model(config, 10), 10, num_frames=7)    # 5 x 3 x 10 x 5 + 5 x 2
    760
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, num_frames, feat_dim, device="meta"))
    return counter.get_total_flops() // 2
