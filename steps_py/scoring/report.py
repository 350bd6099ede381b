"""The manifest: what made the results of a run."""

import platform
import subprocess
from importlib import metadata

from steps_py.checkout import CHECKOUT, is_checkout

PACKAGES = ["torch", "numpy", "scipy", "pandas", "snakemake", "kaldi-io", "soundfile"]


def manifest(commands, config, emulated):
    """Who made the results: commit, commands, versions, machine and the whole config.

    `emulated` are the programs in wav.scp pipes that were not run (docs/audio.md).
    """
    return {
        "commit": commit(),
        "commands": commands,
        "emulated_programs": emulated,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "machine": platform.platform(),
        "config": config,
    }


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
