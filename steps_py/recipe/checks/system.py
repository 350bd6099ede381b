"""Section ``system``: the trial lists of its calibration."""

from steps_py.recipe.checks.names import unknown


def check_lists(config, parts):
    """Scores are calibrated on lists of the recipe."""
    for name in config["system"]["calibrate_on"] or []:
        yield from unknown("system.calibrate_on", name, config["data"]["trials"], "trial list")


CHECKS = [check_lists]
