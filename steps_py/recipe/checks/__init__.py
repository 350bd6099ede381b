"""What no single key of a config shows: one file for each hop, a list of small checks each.

A check is ``check(config, parts)`` with a config whose defaults are filled in, and the
catalogue of registered classes; it yields one line for each fault: which key, what is wrong,
what to do.
"""

from steps_py.recipe.checks import augment, backend, chunks, data, scores, sections, train

CHECKS = [
    *sections.CHECKS,
    *data.CHECKS,
    *augment.CHECKS,
    *chunks.CHECKS,
    *train.CHECKS,
    *backend.CHECKS,
    *scores.CHECKS,
]
