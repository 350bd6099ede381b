"""Every registered part of the network, small and without dropout.

What ends in `dim` is a width.  A network of stages gets one block per stage, and two stages if
any number of them will do.
"""

import dataclasses
import typing

import torch

NUM_STAGES = 2


def tiny(registry, name, **fields):
    """The section of a recipe with the class `name`, widths of 8 and few blocks."""
    cls, config = registry.configure({"name": name})
    small = {}
    for field in dataclasses.fields(cls.Config):
        value = getattr(config, field.name)
        if field.name.endswith("dim"):
            small[field.name] = 8
        elif field.name == "dropout":
            small[field.name] = 0
        elif field.name == "num_blocks" and isinstance(value, int):
            small[field.name] = 1
        elif hasattr(config, "num_blocks") and isinstance(value, tuple):
            one_each = [1] * len(value) if field.name == "num_blocks" else list(value)
            any_number = typing.get_args(field.type)[-1] is Ellipsis
            small[field.name] = one_each[:NUM_STAGES] if any_number else one_each
    return {"name": name, **small, **fields}


def trained_looking(model, feat_dim):
    """The model in eval mode, batch norm having seen data: its statistics are not 0 and 1."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for _ in range(3):
            model.train()(2 * torch.randn(4, 40, feat_dim, generator=generator))
    return model.eval()
