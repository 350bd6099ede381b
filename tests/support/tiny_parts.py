"""Every registered part of the network, small: what ends in `dim` is a width.

Depths, keys `num_blocks` with a number for each stage, become one block per stage.
"""

import dataclasses

import torch


def tiny(registry, name, **fields):
    """The section of a recipe with the class `name`, widths of 8 and few blocks."""
    _, config = registry.configure({"name": name})
    names = [field.name for field in dataclasses.fields(config)]
    small = {key: 8 for key in names if key.endswith("dim")}
    if "num_blocks" in names:
        small["num_blocks"] = [1] * len(config.num_blocks)
    return {"name": name, **small, **fields}


def trained_looking(model, feat_dim):
    """The model in eval mode, batch norm having seen data: its statistics are not 0 and 1."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for _ in range(3):
            model.train()(2 * torch.randn(4, 40, feat_dim, generator=generator))
    return model.eval()
