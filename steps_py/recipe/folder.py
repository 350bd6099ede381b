"""The folder of the recipe, which is the working directory of a run."""

import shutil
import subprocess
import time
from pathlib import Path

from steps_py.errors import ConfigError, did_you_mean

CONFIG = "config.yaml"
DEFAULT = "egs/voxceleb"


def recipe_folder(folder: str | Path, root: str | Path):
    """`folder` if it has a config.yaml; for the checkout `root` itself, the default recipe.

    Any other folder is a ConfigError that names the nearest recipe. The folder is removed if
    Snakemake has just created it because of a misspelt --directory.
    """
    folder, root = Path(folder), Path(root)
    if (folder / CONFIG).is_file():
        return folder
    if folder.resolve() == root.resolve():
        return root / DEFAULT
    recipes = {path.parent.name: path.parent for path in sorted(root.glob(f"egs/*/{CONFIG}"))}
    recipes |= {path.parent.name: path.parent for path in sorted(folder.parent.glob(f"*/{CONFIG}"))}
    shown = [_relative(path, root) for path in recipes.values()]
    where = _relative(folder, root)
    _remove_if_just_made(folder)
    raise ConfigError(
        f"{where}: not a recipe: it has no {CONFIG}. {did_you_mean(where, shown)} To begin a new"
        f" recipe, copy one: cp -r {DEFAULT} {where}."
    )


def _relative(path, root):
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _remove_if_just_made(folder, within_sec=20):
    """Remove a folder that was created within `within_sec` and has only Snakemake's folder."""
    if any(entry.name != ".snakemake" for entry in folder.iterdir()):
        return
    born = subprocess.run(["stat", "-c", "%W", folder], capture_output=True, text=True).stdout
    if born.strip().isdigit() and 0 <= time.time() - int(born) < within_sec and int(born):
        shutil.rmtree(folder, ignore_errors=True)
