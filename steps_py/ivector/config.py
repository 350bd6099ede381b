"""Section ``ivector`` of a recipe.

The defaults are those of Kaldi's sid/train_ivector_extractor.sh and sid/extract_ivectors.sh.
"""

from dataclasses import dataclass

from steps_py.settings.declare import Count, Share, setting


@dataclass(frozen=True, kw_only=True)
class IvectorConfig:
    """Section ``ivector`` of a recipe: the extractor.

    Extraction has the same posteriors of Gaussians; its parts are those of ``xvectors.num_jobs``.
    """

    train_set: str = setting("train", "the set of data.sets that it is trained on")
    dim: Count = setting(400, "dimensions of the i-vector")
    model: str | None = setting(
        None,
        "a trained extractor of ivector.dim dimensions, such as Kaldi's final.ie, of the model"
        " ubm.full_model; null: it is trained",
    )
    num_iters: Count = setting(10, "iterations of EM")
    num_utts: int | None = setting(
        None, "only the longest utterances are used, so many; null: all", minimum=1
    )
    num_gselect: Count = setting(20, "Gaussians of a frame whose posteriors are computed")
    min_post: Share = setting(0.025, "smallest posterior that is kept")
    posterior_scale: float = setting(
        1.0,
        "factor of the posteriors, below 1 since neighbouring frames are alike",
        exclusiveMinimum=0,
    )
    use_weights: bool = setting(False, "weights of Gaussians depend on the i-vector")
    num_samples_for_weights: Count = setting(
        3, "samples of an utterance's i-vector, for use_weights", minimum=2
    )
    num_threads: Count = setting(
        1, "of training and extraction, independent of the job's threads: rounding depends on it"
    )
    num_jobs: Count = setting(4, "parts of the data that statistics are summed over in parallel")
