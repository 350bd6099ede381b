"""final.pt: a trained network with all that is needed to embed a recording."""

import sys
from dataclasses import asdict, dataclass

import torch

from steps_py.errors import StepsError, some
from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.model.build import (
    XvectorModel,
    build_model,
)
from steps_py.model.config import ModelConfig
from steps_py.model.model_file import FORMAT, read_model_file, write_model_file
from steps_py.version import package_version


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A network in eval mode, its config, and the features it was trained on.

    `front_end` is None where it is not known: in files of format 1, and in networks that were
    converted from nnet3.  X-vectors of features can be extracted all the same.
    """

    model: XvectorModel
    config: ModelConfig
    feat_dim: int
    cmvn: CmvnConfig
    front_end: FrontEnd | None = None


def save_extractor(path, extractor):
    """Write final.pt; the file appears whole."""
    front_end = extractor.front_end
    content = {
        "model": {name: x.detach().cpu() for name, x in extractor.model.state_dict().items()},
        "config": asdict(extractor.config),
        "feat_dim": extractor.feat_dim,
        "cmvn": asdict(extractor.cmvn),
        "front_end": None if front_end is None else asdict(front_end),
        "version": package_version(),
    }
    write_model_file(path, "model", content)


def load_extractor(path):
    """Read final.pt; every weight must be there, fit and be finite.

    Raises
    ------
    StepsError
        Naming the file: damaged, of another kind or a newer format, or of a network that this
        version does not have.
    """
    saved, file_format = read_model_file(path, "model")
    if file_format < FORMAT:
        print(
            f"WARNING: {path}: has format {file_format}, without a digest: damage to it is not"
            " noticed, and it embeds features only, not recordings. Train it again to renew it.",
            file=sys.stderr,
        )
    try:
        config = ModelConfig(**saved["config"])
        model = build_model(config, saved["feat_dim"])
        model.load_state_dict(saved["model"], strict=True)
        cmvn = CmvnConfig(**saved["cmvn"])
        front_end = saved.get("front_end")
        front_end = None if front_end is None else FrontEnd(**front_end)
    except (StepsError, RuntimeError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StepsError(
            f"{path}: was written by version {saved.get('version')} and holds what this version,"
            f" {package_version()}, does not have ({reason[:200]}). Use that version, or train it"
            " again."
        ) from None
    broken = [name for name, x in model.state_dict().items() if not torch.isfinite(x).all()]
    if broken:
        raise StepsError(f"{path}: weights are not finite ({some(broken)}). Train it again.")
    return Extractor(
        model=model.eval(),
        config=config,
        feat_dim=saved["feat_dim"],
        cmvn=cmvn,
        front_end=front_end,
    )
