"""Key ``extractor``: the sections of another extractor, and what only networks can do."""

from steps_py.recipe.checks.names import unknown

NETWORK_ONLY = ("chunks", "model", "train", "pseudo_labels", "attribution")


def check_sections_of_networks(config, parts):
    """A recipe of i-vectors has no section that only a network reads."""
    if config["extractor"] == "network":
        return
    for name in NETWORK_ONLY:
        if config[name] is not None:
            yield (
                f"'{name}' is given, but 'extractor' is ivector, which does not read it. Remove"
                f" it, or write `{name}: null` where a config lies over another."
            )


def check_options_of_networks(config, parts):
    """I-vectors are of whole utterances, of features on disk."""
    if config["extractor"] == "network":
        return
    copies = config["xvectors"]["copies"]
    if copies and copies["crops"]:
        yield (
            "'xvectors.copies.crops' is given, but 'extractor' is ivector, which has vectors of"
            " whole utterances. Set copies.speeds, or copies to null."
        )
    if config["xvectors"]["layer"] != "outer":
        yield (
            f"'xvectors.layer' is '{config['xvectors']['layer']}', but 'extractor' is ivector."
            " Remove it."
        )
    if config["diarization"] and not config["diarization"]["extractor"]:
        yield (
            "'diarization' reads the network of the recipe, but 'extractor' is ivector. Set"
            " diarization.extractor to the network of another recipe."
        )
    if config["cmvn"]["within_chunks"]:
        yield "'cmvn.within_chunks' is true, but 'extractor' is ivector. Remove it."


def check_train_sets(config, parts):
    """The models of i-vectors are trained on known sets."""
    if config["extractor"] == "ivector":
        for name in ("ubm", "ivector"):
            known = config["data"]["sets"]
            yield from unknown(f"{name}.train_set", config[name]["train_set"], known, "set")


def check_given_models(config, parts):
    """An extractor is of one background model, whose Gaussians it numbers."""
    if config["ivector"]["model"] and not config["ubm"]["full_model"]:
        yield (
            "'ivector.model' is given, but 'ubm.full_model' is not. Name the background model that"
            " the extractor was trained with."
        )


CHECKS = [
    check_sections_of_networks,
    check_options_of_networks,
    check_train_sets,
    check_given_models,
]
