"""The modules that do the work of gmm-* and fgmm-*: imported when a command runs, not before."""


def passes():
    """The module of the commands that pass over features."""
    from steps_py.kaldi import gmm_passes  # start-up time

    return gmm_passes


def training():
    """The module of the commands that estimate models."""
    from steps_py.kaldi import gmm_training  # start-up time

    return gmm_training
