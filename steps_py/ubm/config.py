"""Section ``ubm`` of a recipe.  The defaults are those of Kaldi's sid/train_*_ubm.sh."""

from dataclasses import dataclass

from steps_py.errors import ConfigError
from steps_py.settings.declare import Count, Share, section, setting


@dataclass(frozen=True, kw_only=True)
class InitConfig:
    """Section ``ubm.init``: the first diagonal model, trained on frames in memory."""

    num_frames: Count = setting(500000, "frames, drawn from all voiced ones")
    num_iters: Count = setting(20, "iterations of EM")
    gauss_share: float = setting(
        0.5,
        "share of ubm.num_gauss that it starts with; Gaussians are split until there are all",
        exclusiveMinimum=0,
        maximum=1,
    )


@dataclass(frozen=True, kw_only=True)
class EmConfig:
    """EM of one of the two models, over all data."""

    num_iters: Count = setting(4, "iterations of EM")
    num_gselect: Count = setting(30, "Gaussians of a frame that are evaluated, the likeliest")
    subsample: Count = setting(5, "every so many frames are used")
    remove_low_count_gaussians: bool = setting(
        True, "in the last iteration, those whose weight is below ubm.min_gaussian_weight"
    )


@dataclass(frozen=True, kw_only=True)
class FullConfig(EmConfig):
    """Section ``ubm.full``: the model with full covariances."""

    num_gselect: Count = setting(20, "Gaussians of a frame that are evaluated, the likeliest")


@dataclass(frozen=True, kw_only=True)
class UbmConfig:
    """Section ``ubm`` of a recipe: the background model of i-vectors."""

    train_set: str = setting("train", "the set of data.sets that it is trained on")
    num_gauss: Count = setting(2048, "Gaussians")
    delta_order: int = setting(
        2, "0: the features alone; 1: with their deltas; 2: with deltas of deltas", minimum=0
    )
    delta_window_frames: Count = setting(
        3, "frames on each side that a delta is computed from", maximum=1000
    )
    min_gaussian_weight: Share = setting(0.0001, "smallest weight of a Gaussian that is updated")
    init: InitConfig = section(InitConfig, "the first diagonal model")
    diag: EmConfig = section(EmConfig, "training of the diagonal model")
    full: FullConfig = section(FullConfig, "training of the model with full covariances")
    diag_model: str | None = setting(
        None, "a trained diagonal model, such as Kaldi's final.dubm; null: it is trained"
    )
    full_model: str | None = setting(
        None, "a trained model with full covariances, as final.ubm; null: it is trained"
    )
    num_threads: Count = setting(
        1, "of ubm.init, independent of the job's threads: rounding depends on it"
    )
    num_jobs: Count = setting(4, "parts of the data that statistics are summed over in parallel")

    def __post_init__(self):
        if int(self.init.gauss_share * self.num_gauss) < 1:
            raise ConfigError(
                f"ubm.init.gauss_share: {self.init.gauss_share} of {self.num_gauss} Gaussians is"
                " none. Give a larger share."
            )

    @property
    def num_gauss_init(self) -> int:
        """Gaussians that the first model starts with.

        >>> UbmConfig(num_gauss=33).num_gauss_init
        16
        """
        return int(self.init.gauss_share * self.num_gauss)
