"""The folder of a trial: the recipe with another config, and with the files that it shares.

Files that the recipe has made are hard links here, and Snakemake's records of them are copied. So
the run of a trial finds the recipe as after an edit of its config: it makes again what the changed
keys concern, in this folder alone, and nothing else. Snakemake removes a file before its job
writes it again, which leaves the recipe's own file as it is.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import yaml

from steps_py.files import atomic_write
from steps_py.recipe.made import MadeFiles

RECORD = ".snakemake/sidewinder_made.jsonl"
METADATA = ".snakemake/metadata"
PRODUCTS = {"data", "exp", "results", "logs", ".snakemake"}  # of runs
COPIED = {"conf", "local"}  # their files count by path and time
OF_A_TRAINING = ("exp/model", "exp/xvectors", "exp/backend", "exp/scores", "exp/metrics")


def make_trial_folder(
    base: Path, folder: Path, config: dict, is_shared: Callable[[str], bool]
) -> None:
    """Make the folder of a trial, or complete it after an interruption.

    Parameters
    ----------
    base : path
        The recipe's folder, in which the shared files are made.
    folder : path
    config : dict
        The recipe's config with that of the trial laid over.
    is_shared : function
        Of the relative path of a file that the recipe has made.
    """
    if (folder / "config.yaml").exists():
        return
    (folder / ".snakemake").mkdir(parents=True, exist_ok=True)
    made = MadeFiles(base / RECORD)
    shared = [path for path in made.paths(base) if is_shared(path)]
    for path in shared:
        link(base / path, folder / path)
    left_out = {*PRODUCTS, *shared, "config.yaml", "search.yaml"}
    for entry in base.iterdir():
        name = entry.name
        if name in COPIED and entry.is_dir():
            shutil.copytree(entry, folder / name, dirs_exist_ok=True)
        elif name not in left_out and not (folder / name).is_symlink():
            (folder / name).symlink_to(entry.resolve(), target_is_directory=entry.is_dir())
    shutil.copytree(base / METADATA, folder / METADATA, dirs_exist_ok=True)
    shutil.copy2(base / RECORD, folder / RECORD)
    with atomic_write(folder / "config.yaml") as out:  # the last: the folder is complete
        yaml.safe_dump(config, out, sort_keys=False)


def link(source: Path, target: Path) -> None:
    """A hard link, of a folder one for each file; across file systems, a copy with its times."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(source, target)


def _link(source, target):
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def shares(sections: set[str], num_seeds: int) -> Callable[[str], bool]:
    """Which of the recipe's files trials share that vary these sections of the config.

    Snakemake decides about single files. Those of a training, and what follows, are left out if
    trials train: a search must not read the epochs of the recipe's own training.

    >>> is_shared = shares({"backend"}, 1)
    >>> is_shared("exp/model/final.pt"), is_shared("results/metrics.tsv")
    (True, False)
    """
    trains = num_seeds > 1 or sections - {"xvectors", "backend", "scores"}
    left_out = ["exp/search", "results", *(OF_A_TRAINING if trains else OF_A_TRAINING[3:])]

    def is_shared(path):
        return not any(path == top or path.startswith(f"{top}/") for top in left_out)

    return is_shared
