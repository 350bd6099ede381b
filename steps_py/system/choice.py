"""Which scoring system of a recipe goes into its system file."""

from steps_py.backend.systems import Systems
from steps_py.errors import ConfigError, did_you_mean, some


def chosen_system(systems: Systems, wanted: str | None) -> str | None:
    """The system `wanted`; for None the first calibrated one that can be kept, else the first.

    Returns None if no system can score recordings without the recipe.

    Raises ConfigError if the system wanted does not exist or needs the recipe.

    >>> systems = Systems(
    ...     {"systems": {"cosine": ["cosine"], "domains": ["domain_mean", "cosine"]}},
    ...     {"train_sets": ["train"], "adapt_set": None},
    ...     {"dev": {"enroll": "dev", "test": "dev"}},
    ...     dim=8,
    ... )
    >>> chosen_system(systems, None)
    'cosine'
    """
    kept = [name for name in systems.names if systems.kept(name) is not None]
    if wanted is None:
        calibrated = [name for name in kept if systems.calibrated(name)]
        return next(iter(calibrated + kept), None)
    if wanted not in systems.names:
        raise ConfigError(
            f"'system.scores' is '{wanted}', which is no system of scores.systems."
            f" {did_you_mean(wanted, systems.names)}"
        )
    if wanted not in kept:
        raise ConfigError(
            f"'system.scores' is '{wanted}', a step of which reads tables of the recipe, so it"
            f" cannot score other recordings. Name one that can: {some(kept) or 'none here'}."
        )
    return wanted
