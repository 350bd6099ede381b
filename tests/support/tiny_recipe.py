"""egs/mini made so small that a run takes seconds, run and edited by tests."""

import atexit
import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support import forked_python
from tests.support.planner import Planner

ROOT = Path(__file__).parents[2]
ALL_RECIPES = sorted(path.parent for path in ROOT.glob("egs/*/config.yaml"))
# recipes that train a network, and those that only find who spoke when by the network of another
RECIPES = [path for path in ALL_RECIPES if "\ndata:" in (path / "config.yaml").read_text()]
DIARIZATION_RECIPES = [path for path in ALL_RECIPES if path not in RECIPES]
RESULTS = ["results/mini_eer.txt", "results/metrics.tsv"]
PLDA = "exp/backend/centre/lda/length_norm/plda/plda"
BYTES = [*RESULTS, "exp/scores/plda/mini", "exp/scores/cosine/mini", PLDA]


RUN_NO_JOB = {"--dry-run", "-n", "--dag", "--rulegraph"}


def snakemake(directory, *options, env=None):
    """Run our Snakefile on a directory; the recipe there, or the default one."""
    without_jobs = RUN_NO_JOB & set(options)
    forks = {} if without_jobs else forked_python.environment()
    return planner().run(directory, *options, env=forks | (env or {}))


def start_snakemake(directory, *options, **popen):
    """The same as a process of its own, which can be killed."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    return subprocess.Popen(
        [*command, "--directory", str(directory), *options],
        cwd=ROOT,
        env=os.environ | forked_python.environment(),
        start_new_session=True,
        **popen,
    )


@functools.cache
def planner():
    """The planner of this test process, closed when it ends."""
    planner = Planner()
    atexit.register(planner.close)
    return planner


def copy_recipe(recipe, folder, change):
    """The recipe's files in `folder`, its config changed by `change(config)`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load((recipe / "config.yaml").read_text())
    change(config)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    for name in ("cluster.yaml", "search.yaml"):
        if (recipe / name).exists():
            (folder / name).write_text((recipe / name).read_text())
    (folder / "conf").mkdir(exist_ok=True)
    for conf in (recipe / "conf").glob("*"):
        (folder / "conf" / conf.name).write_text(conf.read_text())
    return folder


def shrink(config):
    """mini, made so small that its accuracy means nothing and its files mean all."""
    config["data"]["synthetic"]["config"].update(
        num_train_speakers=8, num_eval_speakers=4, utts_per_session=2
    )
    config["augment"]["num_utts"] = 20
    config["feats"]["num_jobs"] = 2
    config["chunks"].update(
        min_frames=60, max_frames=100, min_utt_frames=40, min_utts_per_speaker=2, num_valid_utts=2
    )
    config["model"]["encoder"].update(hidden_dim=16, out_dim=24)
    config["model"]["embedding_dim"] = 8
    config["train"].update(num_epochs=2, steps_per_epoch=4, batch_size=8)
    config["train"]["schedule"]["warmup_epochs"] = 0
    config["xvectors"]["num_jobs"] = 1
    config["backend"]["lda_dim"] = 6
    config["report"] = {"sections": ["results"]}


def in_few_parts(config):
    """Two jobs for each set, not forty: a plan of the same rules in a twentieth of the time."""
    for section in {"feats", "xvectors"} & config.keys():
        config[section]["num_jobs"] = 2


def edited(finished, folder, change):
    """A copy of the finished recipe with its config changed."""
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    change(config)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def rules_to_run(folder, *options):
    """The rules that a dry run would execute."""
    done = snakemake(folder, "--dry-run", *options)
    assert done.returncode == 0, done.stderr[-2000:]
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", done.stdout, re.M | re.S)
    return {line.split()[0] for line in table[1].splitlines()} - {"all"} if table else set()
