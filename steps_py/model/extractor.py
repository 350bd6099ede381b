"""final.pt: a trained network and everything needed to extract x-vectors from recordings."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.model.build import XvectorModel, build_model
from steps_py.model.config import ModelConfig
from steps_py.model.model_file import (
    FORMAT,
    built_by_this_version,
    check_finite,
    read_model_file,
    write_model_file,
)
from steps_py.version import package_version


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A network in eval mode, its config, and the options of its features.

    `front_end` is None in files of format 1 and in networks converted from nnet3; these extract
    x-vectors from features only.
    """

    model: XvectorModel
    config: ModelConfig
    feat_dim: int
    cmvn: CmvnConfig
    front_end: FrontEnd | None = None


def save_extractor(path: str | Path, extractor: Extractor) -> None:
    """Write final.pt, atomically."""
    weights = {name: x.detach().cpu() for name, x in extractor.model.state_dict().items()}
    write_model_file(path, "model", {"model": weights, **options_of(extractor)})


def options_of(extractor: Extractor) -> dict[str, Any]:
    """All of an extractor but its weights, as plain values, and the version of this package."""
    front_end = extractor.front_end
    config = asdict(extractor.config)
    config["front_ends"] = extractor.model.front_ends.portable(config["front_ends"])
    return {
        "config": config,
        "feat_dim": extractor.feat_dim,
        "cmvn": asdict(extractor.cmvn),
        "front_end": None if front_end is None else asdict(front_end),
        "version": package_version(),
    }


def load_extractor(path: str | Path) -> Extractor:
    """Read final.pt; every weight must be present, of the right shape and finite.

    Raises
    ------
    StepsError
        Naming the file, if it is damaged, of another kind or a newer format, or has a network
        that this version cannot build.
    """
    saved, file_format = read_model_file(path, "model")
    if file_format < FORMAT:
        print(
            f"WARNING: {path}: has format {file_format}, without a digest: damage is not detected,"
            " and it extracts x-vectors from features only, not from recordings. Train it again to"
            " update it.",
            file=sys.stderr,
        )
    return build_extractor(saved, path)


def build_extractor(saved: Mapping[str, Any], path: str | Path) -> Extractor:
    """The extractor of its weights, ``saved["model"]``, and its `options_of`.

    Raises StepsError that names `path`, the file they come from, as `load_extractor` does.
    """
    with built_by_this_version(path, saved):
        config = ModelConfig(**saved["config"])
        model = build_model(config, saved["feat_dim"])
        model.load_state_dict(saved["model"], strict=True)
        cmvn = CmvnConfig(**saved["cmvn"])
        front_end = saved.get("front_end")
        front_end = None if front_end is None else FrontEnd(**front_end)
    check_finite(path, model)
    return Extractor(
        model=model.eval(),
        config=config,
        feat_dim=saved["feat_dim"],
        cmvn=cmvn,
        front_end=front_end,
    )
