"""The manifest: what made the results of a run."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ["torch", "numpy", "scipy", "pandas", "snakemake", "kaldi-io", "soundfile"]


def manifest(commands, config):
    """Who made the results: commit, commands, versions, machine and the whole config."""
    return {
        "commit": commit(),
        "commands": commands,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "machine": platform.platform(),
        "config": config,
    }


def commit():
    """The checkout's commit, ``-dirty`` if files differ from it; 'unknown' outside git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
