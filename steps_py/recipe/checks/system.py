"""Section ``system``: the trial lists of its calibration."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.recipe.checks.names import unknown

if TYPE_CHECKING:
    from steps_py.registry import Entry


def check_lists(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """Scores are calibrated on lists of the recipe."""
    for name in config["system"]["calibrate_on"] or []:
        yield from unknown("system.calibrate_on", name, config["data"]["trials"], "trial list")


CHECKS = [check_lists]
