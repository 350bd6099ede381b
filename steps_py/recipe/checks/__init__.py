"""Checks of combinations of keys: one file for each hop, with a list of small checks.

A check is ``check(config, parts)`` with a config whose defaults are filled in, and the catalogue
of registered classes. It yields one line for each fault: the key, what is wrong, what to do.
"""

from steps_py.recipe.checks import (
    attribution,
    augment,
    backend,
    chunks,
    data,
    diarization,
    extractor,
    feats,
    pseudo_labels,
    scores,
    sections,
    segmentation,
    simulation,
    system,
    train,
)

CHECKS = [
    *sections.CHECKS,
    *extractor.CHECKS,
    *data.CHECKS,
    *augment.CHECKS,
    *feats.CHECKS,
    *chunks.CHECKS,
    *train.CHECKS,
    *pseudo_labels.CHECKS,
    *backend.CHECKS,
    *scores.CHECKS,
    *system.CHECKS,
    *attribution.CHECKS,
    *simulation.CHECKS,
    *diarization.CHECKS,
    *segmentation.CHECKS,
]
CHECKS_OF_DIARIZATION = [
    *sections.CHECKS,
    *simulation.CHECKS,
    *diarization.CHECKS,
    *segmentation.CHECKS,
]  # of a recipe without training
