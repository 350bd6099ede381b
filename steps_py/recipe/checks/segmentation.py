"""Section ``segmentation``: its sets are those of ``diarization`` with a reference."""

from steps_py.errors import did_you_mean


def check_sets(config, parts):
    """The sets that networks are trained on exist, and have a reference."""
    given, diarization = config["segmentation"], config["diarization"]
    if not given:
        return
    if not diarization:
        yield "'segmentation' needs section diarization, whose sets it names. Add it."
        return
    sets = diarization["sets"]
    for key in ("train_sets", "valid_set"):
        names = given[key] if key == "train_sets" else filter(None, [given[key]])
        for name in names:
            if name not in sets:
                yield (
                    f"'segmentation.{key}' names '{name}', which is none of diarization.sets."
                    f" {did_you_mean(name, sets)}"
                )
            elif sets[name]["rttm"] is None:
                yield f"'segmentation.{key}' names '{name}', which has no rttm. Give one."


CHECKS = [check_sets]
