"""Sections ``feats`` and ``cmvn``: features that are samples."""


def check_samples(config, parts):
    """Samples are neither rounded to a byte nor normalised frame by frame."""
    kind = config["feats"]["type"]
    if not parts["feature"][kind].facts["holds_samples"]:
        return
    if config["feats"]["compress"]:
        yield (
            f"'feats.compress' is true, but 'feats.type' is '{kind}', whose values are samples: one"
            " byte each is too coarse. Set feats.compress: false."
        )
    if config["cmvn"]["window_frames"]:
        yield (
            f"'cmvn.window_frames' is {config['cmvn']['window_frames']}, but 'feats.type' is"
            f" '{kind}', whose values are samples. Set cmvn.window_frames: 0."
        )


CHECKS = [check_samples]
