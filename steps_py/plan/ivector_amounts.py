"""The arithmetic and the files of background models and i-vectors.

G = Gaussians   D = dimension of the features with deltas   E = dimension of i-vectors
n = Gaussians of a frame that are evaluated
"""

from collections.abc import Callable
from typing import Any

# rule -> operations of a job of so many frames and utterances
OPERATIONS: dict[str, Callable[["IvectorAmounts", float, float], float]] = {
    "init_diag_ubm": lambda m, frames, utts: (
        8 * m.ubm["init"]["num_iters"] * min(frames, m.ubm["init"]["num_frames"]) * m.G * m.D
    ),
    "select_diag_gaussians": lambda m, frames, utts: m.selection(m.kept("diag", frames)),
    "accumulate_diag_ubm": lambda m, frames, utts: (
        8 * m.kept("diag", frames) * m.ubm["diag"]["num_gselect"] * m.D
    ),
    "select_full_gaussians": lambda m, frames, utts: m.selection(m.kept("full", frames)),
    "accumulate_full_ubm": lambda m, frames, utts: (
        3 * m.kept("full", frames) * m.ubm["full"]["num_gselect"] * m.D**2
    ),
    "compute_posteriors": lambda m, frames, utts: m.posteriors(frames),
    "accumulate_ivector_extractor": lambda m, frames, utts: 2 * m.vectors(utts),
    "update_ivector_extractor": lambda m, frames, utts: m.G * (m.E**3 / 3 + 2 * m.D * m.E**2),
    "extract_ivectors": lambda m, frames, utts: m.posteriors(frames) + m.vectors(utts),
}


class IvectorAmounts:
    """Amounts of the jobs of sections ``ubm`` and ``ivector`` of a config with defaults."""

    def __init__(self, config: dict[str, Any], feat_dim: int):
        self.ubm, self.ivector = config["ubm"], config["ivector"]
        self.G, self.E = self.ubm["num_gauss"], self.ivector["dim"]
        self.D = feat_dim * (1 + self.ubm["delta_order"])

    def of(self, rule: str, frames: float, utts: float) -> dict[str, float]:
        """Amounts of a job of `rule` with so many frames and utterances."""
        operations = OPERATIONS.get(rule)
        amounts = self.of_models()
        if operations:
            amounts["gauss_gflop"] = 1e-9 * operations(self, frames, utts)
        return amounts

    def of_models(self) -> dict[str, float]:
        """Bytes of the model with full covariances and of the extractor."""
        packed = self.G * self.D * (self.D + 1) / 2
        extractor = 8 * (self.G * self.D * self.E + packed)
        return {"full_ubm_byte": 4 * packed, "extractor_byte": extractor}

    def kept(self, kind: str, frames: float) -> float:
        """Frames that the training of a model uses."""
        return frames / self.ubm[kind]["subsample"]

    def selection(self, frames: float) -> float:
        """Operations of the likelihoods of all diagonal Gaussians."""
        return 4 * frames * self.G * self.D

    def posteriors(self, frames: float) -> float:
        """Operations of the posteriors of the selected Gaussians."""
        return self.selection(frames) + 2 * frames * self.ivector["num_gselect"] * self.D**2

    def vectors(self, utts: float) -> float:
        """Operations of the i-vectors of so many utterances, from their statistics."""
        return utts * (self.G * self.E**2 + 2 * self.G * self.D * self.E + self.E**3)
