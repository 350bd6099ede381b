"""Section ``diarization``: names of sets and systems, and where the network is from."""

from steps_py.errors import did_you_mean


def check_extractor(config, parts):
    """A recipe that trains nothing has the network of another one."""
    given = config["diarization"]
    if given and given["extractor"] is None and "model" not in config:
        yield (
            "'diarization.extractor' is not given, and this recipe trains no network. Give"
            " results/system.swx or exp/model/final.pt of another recipe."
        )


def check_names(config, parts):
    """Folders of data/ are of one kind of set."""
    given, others = config["diarization"], config.get("data", {})
    for name in (given or {}).get("sets", {}):
        for key in ("sets", "models"):
            if name in others.get(key, {}):
                yield f"'diarization.sets.{name}' is also a name of data.{key}. Rename one."


def check_tuned(config, parts):
    """Options that are tuned are options of their clusterers."""
    given = config["diarization"]
    for system, values in ((given and given["tune"]) or {"values": {}})["values"].items():
        cls = given["systems"].get(system, {}).get("name", system)
        known = parts["diarization clusterer"][cls].schema["properties"]
        for key in values:
            if key not in known:
                yield (
                    f"'diarization.tune.values.{system}.{key}': clusterer '{cls}' has no such"
                    f" option. {did_you_mean(key, known)}"
                )


def check_plda(config, parts):
    """A clusterer with a PLDA is given one."""
    given = config["diarization"]
    for system, options in (given or {"systems": {}})["systems"].items():
        if options.get("scores") == "plda" and given["plda"] is None:
            yield f"'diarization.plda' is not given, and system '{system}' scores by PLDA."
    if given is None or given["plda"] is not None:
        return
    steps = {"resegmentation": given["resegmentation"]}
    steps["overlap.second"] = (given["overlap"] or {}).get("second")
    for key, step in steps.items():
        if step and step["name"] == "vb":
            yield f"'diarization.plda' is not given, and diarization.{key} vb needs it."


def check_added_names(config, parts):
    """Systems with another step have names of their own."""
    given = config["diarization"]
    names = [name for key in ("systems", "fuse") for name in (given or {}).get(key, {})]
    for name in ((given or {}).get("end_to_end") or {"systems": {}})["systems"]:
        if name in names:
            yield (
                f"'diarization.end_to_end.systems.{name}' is also one of diarization.systems."
                " Rename one, with the clusterer's name as `name`."
            )
    for name in names:
        for added in ("_resegmented", "_overlap", "_resegmented_overlap"):
            if name + added in names:
                yield (
                    f"'diarization.systems.{name + added}' is the name that '{name}' has after"
                    " another step. Rename it."
                )


CHECKS = [check_extractor, check_names, check_tuned, check_plda, check_added_names]
