"""All classes that the sections ``train`` and ``model`` can name."""

from steps_py import own_parts
from steps_py.chunks.samplers.base import SAMPLERS
from steps_py.model.registries import (
    AVERAGES,
    ENCODERS,
    FRONT_ENDS,
    LOSSES,
    MIXES,
    OBJECTIVES,
    OPTIMIZERS,
    POOLINGS,
    SCHEDULES,
)
from steps_py.registry import Entry

REGISTRIES = (
    FRONT_ENDS,
    ENCODERS,
    POOLINGS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    AVERAGES,
    MIXES,
    OBJECTIVES,
    SAMPLERS,
)


def registered() -> dict[str, dict[str, Entry]]:
    """{kind: {name: Entry}}, including the classes of the recipe's own folder."""
    own_parts.load(own_parts.recipe_folder())
    return {registry.kind: registry.entries() for registry in REGISTRIES}
