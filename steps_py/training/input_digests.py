"""Digests of the files that a training reads besides its chunks: parts of its settings.

A training whose files have changed does not resume from the checkpoints of the former ones.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from steps_py.data.sources import digest_of_file
from steps_py.errors import ConfigError
from steps_py.model.front_end_chain import FrontEndChain
from steps_py.training.config import LOGITS, DistillationConfig, InitConfig
from steps_py.training.loss_files import files_of_loss


def digest_of_init(init: InitConfig | None) -> str | None:
    """SHA-256 (12 digits) of the files that ``train.init`` reads; None without it.

    Raises ConfigError if one is missing.
    """
    if init is None:
        return None
    cure = "Train that model first; if only its head.pt is missing, set without_head: true."
    paths = _model_files(init.model, with_head=not init.without_head)
    return _digest(paths, "train.init", cure, " ".join(init.leave_out))


def digest_of_teacher(config: DistillationConfig | None) -> dict[str, str]:
    """``{"teacher": SHA-256 (12 digits) of the files that are read}``; empty without a teacher.

    Raises ConfigError if one is missing.
    """
    if config is None:
        return {}
    cure = "Train that model first, or correct the path."
    paths = _model_files(config.teacher, with_head=config.target == LOGITS)
    return {"teacher": _digest(paths, "train.distillation", cure)}


def digest_of_loss(section: Mapping[str, Any]) -> dict[str, str]:
    """``{"loss_files": SHA-256 (12 digits) of the files that the loss starts from}``, or empty.

    Raises ConfigError if one is missing.
    """
    paths = list(map(Path, files_of_loss(section)))
    cure = "Make it by the recipe that it is of, or correct the path."
    return {"loss_files": _digest(paths, "train.loss", cure)} if paths else {}


def digest_of_front_ends(front_ends: FrontEndChain) -> dict[str, str]:
    """SHA-256 (12 digits) of the files that the front-ends read; empty if there are none."""
    files = [path for front_end in front_ends for path in getattr(front_end, "files", ())]
    if not files:
        return {}
    digests = "".join(digest_of_file(path) for path in files)
    return {"front_end_files": hashlib.sha256(digests.encode()).hexdigest()[:12]}


def _model_files(model: str, with_head: bool) -> list[Path]:
    path = Path(model)
    return [path, path.with_name("head.pt")] if with_head else [path]


def _digest(paths: Iterable[Path], where: str, cure: str, settings: str = "") -> str:
    digest = hashlib.sha256(settings.encode())
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{where}: {path} is not there. {cure}")
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
