"""Section ``attribution``: a trial list of single utterances."""

from steps_py.recipe.checks.names import unknown


def check_trials(config, parts):
    """The list is one of data.trials, and no model is enrolled in it."""
    attribution, data = config["attribution"], config["data"]
    if attribution is None:
        return
    name = attribution["trials"]
    faults = [*unknown("attribution.trials", name, data["trials"], "trial list")]
    yield from faults
    if not faults and data["trials"][name]["enroll"] in data["models"]:
        yield (
            f"'attribution.trials' is '{name}', whose enrolments are of several utterances. Name a"
            " list of single utterances."
        )


CHECKS = [check_trials]
