# Execution, independent of the rules: one run at a time, resources of jobs, the commands of
# schedulers, and the report of a failed run. No rule here.
# RECIPE, the folder of the recipe, must be set before this file is included.
import getpass
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from steps_py.cluster.quoting import quote_job_commands
from steps_py.cluster.sge.executor import use_sge_executor
from steps_py.cluster.slurm.executor import use_slurm_executor
from steps_py.cluster.requests import Cluster
from steps_py.errors import StepsError
from steps_py.cluster.failures import failure_lines
from steps_py.cluster.job_logs import memory_kills
from steps_py.cluster.run_warnings import warning_lines
from steps_py.cluster.run_guard import guard_run
from steps_py.cluster.slurm.orphans import end_orphans
from steps_py.cluster.stop_run import stop_jobs_on_sigterm
from steps_py.recipe.made import MadeFiles
from workflow.whole_plan import plan_whole_graph

ROOT = Path(str(workflow.current_basedir)).parent
STARTED = time.time()
MEMORY_KILLS = memory_kills()  # before this run
COSTLY = {"train_model", "train_start", "train_round"}  # rules whose changed files are refused

try:
    getpass.getuser()
except (KeyError, OSError):  # the user id has no name on this host, but Snakemake logs one
    os.environ["LOGNAME"] = f"uid{os.getuid()}"

try:
    CLUSTER = Cluster(
        ROOT / "cluster.yaml",
        *(path for path in [RECIPE / "cluster.yaml"] if path.is_file()),
    )
    quote_job_commands()
    if workflow.is_main_process:
        if guard_run(Path.cwd(), sys.argv):
            end_orphans(Path.cwd())
        use_slurm_executor()
        use_sge_executor()
        plan_whole_graph(MadeFiles(".snakemake/sidewinder_made.jsonl"), costly=COSTLY)
        os.environ["PATH"] += f":{ROOT}/sge/bin"  # the commands that profile sge names
except StepsError as error:
    sys.exit(str(error))

shell.prefix(f"set -euo pipefail; source {shlex.quote(f'{ROOT}/path.sh')} --strict; ")


def end_jobs_of_clusters():
    """End jobs of a killed run that still run on a cluster, before a local run."""
    if workflow.local_exec and subprocess.run(["sge-cancel", "--wait"]).returncode:
        sys.exit("the jobs of an earlier run could not be ended; see above")


def jobs_warnings():
    """Warnings in the logs of this run's jobs, as lines for the terminal."""
    logs = {(job.rule.name, str(log)) for job in workflow.dag.jobs for log in job.log}
    lines = warning_lines(sorted(logs), STARTED)
    return ["", "Warnings:", *lines] if lines else []


onerror:
    # Also after Ctrl-C: Snakemake's own call omits jobs whose status it is requesting at that
    # moment, and has a timeout of two seconds.
    subprocess.run(["sge-cancel"])
    print(
        *jobs_warnings(),
        "",
        *failure_lines(
            "".join(Path(path).read_text() for path in log), memory_kills() - MEMORY_KILLS
        ),
        sep="\n",
        file=sys.stderr,
    )
