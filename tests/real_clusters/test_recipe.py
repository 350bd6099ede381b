"""egs/mini through a real scheduler ends in the bytes of a local run.

It runs while the scheduler and other jobs are disturbed, which must not matter to it.
"""

import re
import subprocess
import sys

from tests.real_clusters.runs import MINUTES
from tests.real_clusters.scheduler import ROOT
from tests.support.tiny_recipe import BYTES


def test_all_results_are_those_of_a_local_run(scheduler, recipe, local_recipe):
    (folder, process), (local, local_process) = recipe, local_recipe
    assert local_process.wait(timeout=10 * MINUTES) == 0, (local / "said").read_text()[-3000:]
    assert process.wait(timeout=10 * MINUTES) == 0, (folder / "said").read_text()[-3000:]
    for name in [*BYTES, "exp/model/final.pt", "data/train_augmented/feats.scp"]:
        assert (folder / name).read_bytes() == (local / name).read_bytes(), name


def test_chains_of_small_rules_were_one_job_each(scheduler, recipe):
    said = (recipe[0] / "said").read_text()
    assert int(re.search(r"^(\d+) of \1 steps \(100%\)", said, re.M)[1]) >= 56
    logs = [path.relative_to(recipe[0]) for path in (recipe[0] / "logs").rglob("*.log")]
    of_scheduler = [path for path in logs if path.parts[1] == scheduler.name]
    assert 20 <= len(of_scheduler) <= 35


def test_the_same_command_again_finds_nothing_to_do(scheduler, recipe):
    again = subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", scheduler.name, "--directory", recipe[0]],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr
