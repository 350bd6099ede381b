"""The study of Optuna in which a search keeps its trials, and what it is a study of."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import optuna
from optuna.pruners import BasePruner, NopPruner, SuccessiveHalvingPruner
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from steps_py.errors import StepsError
from steps_py.search.config import SearchConfig
from steps_py.settings.declare import plain

# what may change while a search is under way: how long, how many at a time, which points next
FREE = ("trials", "hours", "parallel", "sampler", "pruning")
UNRELATED = ("report", "plan", "metrics")  # sections of a recipe that no objective depends on
OF = "of"


def open_study(folder: Path, search: SearchConfig, config: Mapping) -> optuna.Study:
    """The study in `folder`, made if it is not there.

    Raises StepsError if it is a study of another space, objective or recipe: values of different
    searches do not compare.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "study.log"
    _mend(path)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))),
        study_name="search",
        pruner=_pruner(search),
        direction="minimize",
        load_if_exists=True,
    )
    of = _of(search, config)
    known = study.user_attrs.get(OF)
    if known is None:
        study.set_user_attr(OF, of)
    elif changed := sorted(name for name in {*of, *known} if of.get(name) != known.get(name)):
        raise StepsError(
            f"{path}: is a search with another {', '.join(changed)}, and values of both do not"
            f" compare. Put the earlier back, or move {folder} away to begin a new search."
        )
    return study


def _mend(path):
    """Remove what a killed search left: its lock, and a last line that is not whole.

    There is one search in a recipe at a time: the run that it is a job of holds a lock.
    """
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def _pruner(search) -> BasePruner:
    if search.pruning is None:
        return NopPruner()
    return SuccessiveHalvingPruner(
        min_resource=search.pruning.first_epoch, reduction_factor=search.pruning.factor
    )


def _of(search, config):
    """Digests of what the values of a study depend on, by names for the message."""
    parts = {key: value for key, value in plain(search).items() if key not in FREE}
    parts |= {f"section {key}": config[key] for key in config if key not in UNRELATED}
    return {
        name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
        for name, value in parts.items()
    }
