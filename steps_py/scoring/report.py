"""What a run leaves for people and programs: results tables and the manifest."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

import pandas as pd

from steps_py.scoring.metrics import eer, min_dcf
from steps_py.scoring.scores import checksum, join_scores, read_scores, read_trials

ROOT = Path(__file__).parents[2]
PACKAGES = ["torch", "numpy", "scipy", "pandas", "snakemake", "kaldi-io", "soundfile"]


def measure_systems(trials_path, score_paths, p_targets):
    """A table of one row per system: trials, targets, EER in percent, minDCF at each prior.

    `score_paths` are ``.../<system>/<trials>``; the folder names the system.
    """
    trials = read_trials(trials_path)
    rows = []
    for path in map(Path, score_paths):
        joined = join_scores(trials, read_scores(path), path)
        target, nontarget = joined.score[joined.target], joined.score[~joined.target]
        row = {
            "system": path.parent.name,
            "trials": Path(trials_path).name,
            "num_trials": len(joined),
            "num_targets": len(target),
            "eer_percent": 100 * eer(target, nontarget),
        }
        for p_target in p_targets:
            row[f"min_dcf_{p_target:g}"] = min_dcf(target, nontarget, p_target)
        row["list_sha256"] = checksum(trials_path)
        rows.append(row)
    return pd.DataFrame(rows)


def results_text(table, commands):
    """The table of one trial list as a person reads it.

    >>> table = pd.DataFrame([{"system": "plda", "trials": "vox1", "num_trials": 4,
    ...     "num_targets": 2, "eer_percent": 3.128, "min_dcf_0.01": 0.3258, "list_sha256": "ab"}])
    >>> print(results_text(table, "built-in"))
    list      vox1: 4 trials, 2 of them target, sha256 ab
    commands  built-in
    <BLANKLINE>
    system    EER %   minDCF 0.01
    plda      3.128        0.3258
    <BLANKLINE>
    """
    first = table.iloc[0]
    costs = [name for name in table.columns if name.startswith("min_dcf_")]
    titles = [f"minDCF {name.removeprefix('min_dcf_')}" for name in costs]
    rows = [["system", "EER %", *(f"{title:>12}" for title in titles)]]
    for row in table.itertuples(index=False):
        values = [f"{row[table.columns.get_loc(name)]:12.4f}" for name in costs]
        rows.append([row.system, f"{row.eer_percent:.3f}", *values])
    name_width = max(8, *(len(row[0]) for row in rows))
    eer_width = max(len(row[1]) for row in rows)
    lines = [
        f"list      {first.trials}: {first.num_trials} trials, {first.num_targets} of them target,"
        f" sha256 {first.list_sha256}",
        f"commands  {commands}",
        "",
        *("  ".join([f"{n:{name_width}}", f"{eer:>{eer_width}}", *rest]) for n, eer, *rest in rows),
    ]
    return "\n".join(lines) + "\n"


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
