"""The manifest: commit, versions and config that produced the results of a run."""

import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from steps_py.checkout import CHECKOUT, is_checkout
from steps_py.data.sources import digest_of_file
from steps_py.errors import StepsError, some

PACKAGES = ["torch", "numpy", "scipy", "pandas", "snakemake", "kaldi-io", "soundfile"]


def manifest(
    commands: str, config: dict[str, dict[str, str]], emulated: list[str], made_from: list = ()
) -> dict[str, Any]:
    """The provenance of results: commit, commands, versions, machine and the whole config.

    `emulated` are the programs in pipes of wav.scp that were replaced by built-in decoders
    (docs/audio.md); `made_from` are files whose digests (16 hexadecimal digits of SHA-256) are
    recorded.
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


def check_manifest(path: str | Path, config) -> None:
    """Raise StepsError unless the manifest's config and digests are the present ones.

    Parameters
    ----------
    path : path
        A manifest.json in ``results/`` of the working directory.
    config : dict
        The recipe's config without defaults, as for `manifest`.
    """
    kept = json.loads(Path(path).read_text(encoding="utf-8"))
    if kept["config"] != json.loads(json.dumps(config)):
        raise StepsError(
            f"{path}: was written for another config. Start the run again with the present config."
        )
    changed = [file for file, digest in kept["sha256"].items() if digest_of_file(file) != digest]
    if changed:
        raise StepsError(
            f"{path}: {len(changed)} files have changed since the results were made"
            f" ({some(changed)}). Start the run again: they and the results are made again."
        )


def commit() -> str:
    """The commit of the checkout, with ``-dirty`` if files differ; 'unknown' outside of git."""
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
