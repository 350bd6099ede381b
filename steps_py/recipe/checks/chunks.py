"""Sections ``chunks`` and ``cmvn`` with ``train``."""


def check_normalisation(config, parts):
    """Training from audio can normalise means only."""
    if config["cmvn"]["norm_vars"] and config["train"]["input"] == "waveform":
        yield "'cmvn.norm_vars' is true; with 'train.input' waveform only means are normalised."


CHECKS = [check_normalisation]
