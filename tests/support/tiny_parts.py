"""Every registered part of the network, small: what ends in `dim` is a width."""

import dataclasses

import torch


def tiny(registry, name, **fields):
    """The section of a recipe with the class `name` and widths of 8."""
    _, config = registry.configure({"name": name})
    widths = {f.name: 8 for f in dataclasses.fields(config) if f.name.endswith("dim")}
    return {"name": name, **widths, **fields}


def trained_looking(model, feat_dim):
    """The model in eval mode, batch norm having seen data: its statistics are not 0 and 1."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for _ in range(3):
            model.train()(2 * torch.randn(4, 40, feat_dim, generator=generator))
    return model.eval()
