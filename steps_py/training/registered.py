"""The classes that a training can name, from the registries themselves."""

from steps_py import own_parts
from steps_py.chunks.samplers.base import SAMPLERS
from steps_py.model.registries import ENCODERS, LOSSES, OPTIMIZERS, POOLINGS, SCHEDULES

REGISTRIES = (ENCODERS, POOLINGS, LOSSES, OPTIMIZERS, SCHEDULES, SAMPLERS)


def registered():
    """{kind: {name: Entry}} of the sections ``train`` and ``model``, the recipe's own included."""
    own_parts.load(own_parts.recipe_folder())
    return {registry.kind: registry.entries() for registry in REGISTRIES}
