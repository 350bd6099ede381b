"""Options of the commands gmm-* and fgmm-*, and the names of the two families of models."""

import dataclasses

from steps_py.formats.options import option

DIAG, FULL = "diag", "full"


@dataclasses.dataclass
class BinaryOptions:
    binary: bool = option(True, "Write output in binary mode")


@dataclasses.dataclass
class AccumulateOptions(BinaryOptions):
    update_flags: str = option("mvw", "Which GMM parameters will be updated: subset of mvw.")
    gselect: str = option(
        "", "rspecifier for gselect objects to limit the #Gaussians accessed on each frame."
    )
    weights: str = option(
        "", "rspecifier for a vector of floats for each utterance, that's a per-frame weight."
    )


@dataclasses.dataclass
class LikesOptions:
    gselect: str = option(
        "", "rspecifier for gselect objects to limit the #Gaussians accessed on each frame."
    )
    average: bool = option(
        False,
        "If true, print out the average per-frame log-likelihood as a single float per utterance.",
    )


@dataclasses.dataclass
class GselectOptions:
    n: int = option(50, "Number of Gaussians to keep per frame")
    write_likes: str = option("", "wspecifier for likelihoods per utterance")
    gselect: str = option("", "rspecifier for gselect objects to limit the search to")


@dataclasses.dataclass
class ToPostOptions:
    min_post: float = option(
        0.0,
        "If nonzero, posteriors below this threshold will be pruned away and the rest will be"
        " renormalized to sum to one.",
    )


@dataclasses.dataclass
class EstimateOptions(BinaryOptions):
    """Of the commands that estimate a mixture, beside the limits of its kind."""

    update_flags: str = option("mvw", "Which GMM parameters will be updated: subset of mvw.")
    mix_up: int = option(0, "Increase number of mixture components to this overall target.")
    perturb_factor: float = option(
        0.01, "While mixing up, perturb means by standard deviation times this factor."
    )
