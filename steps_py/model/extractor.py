"""final.pt: a trained network with all that extraction must know to use it."""

import io
import pickle
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from steps_py.errors import StepsError
from steps_py.feats.cmvn import CmvnConfig
from steps_py.files import atomic_write
from steps_py.model.build import ModelConfig, XvectorModel, build_model


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A network in eval mode, its config, and the features it was trained on."""

    model: XvectorModel
    config: ModelConfig
    feat_dim: int
    cmvn: CmvnConfig


def save_extractor(path, extractor):
    """Write final.pt; the file appears whole."""
    content = io.BytesIO()
    state = {name: x.detach().cpu() for name, x in extractor.model.state_dict().items()}
    torch.save(
        {
            "model": state,
            "config": asdict(extractor.config),
            "feat_dim": extractor.feat_dim,
            "cmvn": asdict(extractor.cmvn),
            "version": package_version(),
        },
        content,
    )
    with atomic_write(path, "wb") as out:
        out.write(content.getbuffer())


def load_extractor(path):
    """Read final.pt; every weight must be there and fit.  Raises StepsError if not."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        config = ModelConfig(**saved["config"])
        model = build_model(config, saved["feat_dim"])
        model.load_state_dict(saved["model"], strict=True)
        cmvn = CmvnConfig(**saved["cmvn"])
    except (RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StepsError(
            f"{path}: is not a model that this version can read ({reason[:100]})."
            " Train it again, or fetch the file again if it was copied."
        ) from None
    return Extractor(model=model.eval(), config=config, feat_dim=saved["feat_dim"], cmvn=cmvn)


def package_version():
    """The version in pyproject.toml."""
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    return tomllib.loads(pyproject.read_text())["project"]["version"]
