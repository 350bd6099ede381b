"""The manifest: what made the results of a run."""

import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from steps_py.checkout import CHECKOUT, is_checkout
from steps_py.data.sources import digest_of_file
from steps_py.errors import StepsError, some

PACKAGES = ["torch", "numpy", "scipy", "pandas", "snakemake", "kaldi-io", "soundfile"]


def manifest(commands, config, emulated, made_from=()):
    """Who made the results: commit, commands, versions, machine and the whole config.

    `emulated` are the programs in wav.scp pipes that were not run (docs/audio.md);
    `made_from` are files whose digests, 16 hexadecimal digits of SHA-256, are kept.
    """
    return {
        "commit": commit(),
        "commands": commands,
        "emulated_programs": emulated,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "machine": platform.platform(),
        "config": config,
        "sha256": {str(path): digest_of_file(path) for path in made_from},
    }


def check_manifest(path, config):
    """Raise StepsError unless the manifest's config and digests are those of now.

    Parameters
    ----------
    path : path
        A manifest.json that lies in ``results/`` of the working directory.
    config : dict
        The recipe's config without defaults, as it was given to `manifest`.
    """
    kept = json.loads(Path(path).read_text(encoding="utf-8"))
    if kept["config"] != json.loads(json.dumps(config)):
        raise StepsError(
            f"{path}: was written for another config. Start the run again with the config as it is."
        )
    changed = [file for file, digest in kept["sha256"].items() if digest_of_file(file) != digest]
    if changed:
        raise StepsError(
            f"{path}: {len(changed)} files are not the ones that the results were made from"
            f" ({some(changed)}). Start the run again: they, and the results, are made again."
        )


def commit():
    """The checkout's commit, ``-dirty`` if files differ from it; 'unknown' outside git."""
    if not is_checkout():
        return "unknown"
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
