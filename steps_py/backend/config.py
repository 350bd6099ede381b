"""Section ``backend`` of a recipe."""

from dataclasses import dataclass
from typing import Annotated

from steps_py.settings.declare import Count, Keywords, Share, section, setting


@dataclass(frozen=True, kw_only=True)
class BackendAdaptConfig:
    """Section ``backend.adapt``: PLDA adaptation to unlabelled speech."""

    within_covar_scale: Share = setting(
        0.75, "share of the excess variance that becomes within-speaker covariance"
    )
    between_covar_scale: Share = setting(
        0.25, "share of the excess variance that becomes between-speaker covariance"
    )


@dataclass(frozen=True, kw_only=True)
class BackendPldaConfig:
    """Section ``backend.plda``."""

    num_em_iters: Count = setting(10)
    smoothing: Share = setting(0.0, "share of the between-speaker variance added within speakers")


@dataclass(frozen=True, kw_only=True)
class BackendConfig:
    """Section ``backend`` of a recipe."""

    train_sets: Annotated[list[str], Keywords(minItems=1)] = setting(
        ["train"], "sets that the back-end is estimated on"
    )
    adapt_set: str | None = setting(None, "unlabelled set, of the trials' domain")
    adapt: BackendAdaptConfig = section(BackendAdaptConfig)
    lda_dim: int | None = setting(
        None, "null: as many as the speakers span, at most embedding_dim", minimum=1
    )
    lda_total_covariance_factor: Share = setting(
        0.0,
        "LDA makes this share of the total covariance and the rest of the within-speaker one unit",
    )
    lda_covariance_floor: Share = setting(
        1.0e-6,
        "of that mixture's eigenvalues, as a share of the largest; 0.03 gives directions in which"
        " few recordings hardly vary less weight",
    )
    length_norm: bool = setting(True, "false: the built-in chains have no length_norm")
    plda: BackendPldaConfig = section(BackendPldaConfig)
