"""Section ``xvectors`` of a recipe."""

import importlib.util
from dataclasses import dataclass
from typing import Any, Literal

from steps_py.augment.config import Speed, ratio_of
from steps_py.errors import ConfigError, some
from steps_py.settings.declare import Count, setting

ENGINE_PACKAGES = {"eager": (), "onnxruntime": ("onnx", "onnxscript", "onnxruntime")}


@dataclass(frozen=True, kw_only=True)
class CropsConfig:
    """Section ``xvectors.copies.crops``: evenly spaced parts of an utterance's voiced frames."""

    count: Count = setting(10, "crops of each utterance")
    frames: Count = setting(300, "length of a crop; shorter utterances are taken whole")


@dataclass(frozen=True, kw_only=True)
class CopiesConfig:
    """Section ``xvectors.copies``: the x-vector of an utterance is the mean of those of copies.

    They are made of the sets of trial lists.  The step ``mean_scores`` scores copies apart.
    """

    speeds: list[Speed] | None = setting(
        None, "speeds at which utterances are played, as [0.9, 1.0, 1.1]", minItems=1
    )
    crops: CropsConfig | None = setting(None, "parts of utterances")

    def __post_init__(self):
        if (self.speeds is None) == (self.crops is None):
            raise ConfigError("xvectors.copies: give speeds or crops, and not both.")
        ratios = [ratio_of(speed, "xvectors.copies.speeds") for speed in self.speeds or []]
        if len(set(ratios)) < len(ratios):
            raise ConfigError(f"xvectors.copies.speeds: {self.speeds} has a speed twice.")


@dataclass(frozen=True, kw_only=True)
class XvectorsConfig:
    """Section ``xvectors`` of a recipe.  Frames are voiced frames."""

    min_chunk_frames: Count = setting(25, "shortest utterance, voiced frames")
    max_chunk_frames: Count = setting(
        10000, "longer utterances: mean over chunks, weighted by length"
    )
    short_utts: Literal["error", "pad"] = setting(
        "error", "utterances below min_chunk_frames; pad repeats the edge frames"
    )
    batch_frames: int | None = setting(
        None,
        "frames of a batch, padding included; null: one utterance on a CPU, 100000 on a GPU",
        minimum=1,
    )
    layer: Literal["outer", "inner", "both"] = setting(
        "outer",
        "the embedding of a network with model.inner_dim that is the x-vector; both: the inner one,"
        " then the outer one",
    )
    device: Literal["auto", "cpu", "cuda"] = setting("auto")
    engine: Literal[*ENGINE_PACKAGES] = setting(
        "eager", "what computes the network; onnxruntime: faster on a CPU, an optional package"
    )
    num_threads: Count = setting(
        1, "of the arithmetic on a CPU, independent of the job's threads: rounding depends on it"
    )
    num_jobs: Count = setting(4, "parts that are extracted in parallel")
    copies: CopiesConfig | None = setting(
        None, "several x-vectors of each utterance of the trial lists; null: one"
    )

    def __post_init__(self):
        if not 1 <= self.min_chunk_frames <= self.max_chunk_frames:
            raise ConfigError(
                f"'xvectors.min_chunk_frames' is {self.min_chunk_frames}, more than"
                f" 'xvectors.max_chunk_frames', {self.max_chunk_frames}."
            )
        if self.engine != "eager" and self.device == "cuda":
            raise ConfigError(
                f"'xvectors.engine' is {self.engine}, which computes on a CPU, but"
                " 'xvectors.device' is cuda. Set engine to eager, or device to cpu."
            )
        crops = self.copies and self.copies.crops
        if crops and crops.frames < self.min_chunk_frames:
            raise ConfigError(
                f"'xvectors.copies.crops.frames' is {crops.frames}, less than"
                f" 'xvectors.min_chunk_frames', {self.min_chunk_frames}."
            )


def check_engine(engine: str) -> None:
    """Raise ConfigError unless the packages of ``xvectors.engine`` are installed.

    >>> check_engine("eager")
    """
    missing = [name for name in ENGINE_PACKAGES[engine] if not importlib.util.find_spec(name)]
    if missing:
        raise ConfigError(
            f"xvectors.engine is {engine}, which needs {some(missing)}: pip install"
            " 'sidewinder[export]', or set xvectors.engine to eager."
        )


def xvector_dim(config: dict[str, Any]) -> int:
    """Dimension of the x-vectors of a checked recipe.

    >>> model = {"embedding_dim": 200, "inner_dim": 512}
    >>> xvector_dim({"model": model, "xvectors": {"layer": "both"}})
    712
    >>> xvector_dim({"model": None, "ivector": {"dim": 400}})
    400
    """
    if config["model"] is None:
        return config["ivector"]["dim"]
    outer, inner = config["model"]["embedding_dim"], config["model"]["inner_dim"] or 0
    return {"outer": outer, "inner": inner, "both": inner + outer}[config["xvectors"]["layer"]]
