"""Cancel the jobs that a killed controller left in Slurm, before they are replaced.

Such jobs still start and run. The names of all jobs of a recipe contain a digest of its
directory, and a file in .snakemake records that there may be some; the next run, local or not,
cancels them and waits until the last one has left its node.
"""

import hashlib
import sys
import time
from pathlib import Path

from steps_py.cluster.slurm.client import SlurmRefused, SlurmSilent, jobs_named, scancel
from steps_py.errors import ClusterError

MARK = ".snakemake/slurm_jobs"


def recipe_name(directory: str | Path) -> str:
    """The prefix of the names of all Slurm jobs of this directory."""
    digest = hashlib.sha256(str(Path(directory).resolve()).encode()).hexdigest()
    return f"sidewinder-{digest[:12]}"


def mark(directory: str | Path) -> None:
    """Record on disk that this directory may have jobs in Slurm; call it before a submission."""
    path = Path(directory, MARK)
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{recipe_name(directory)}\n")


def unmark(directory: str | Path) -> None:
    Path(directory, MARK).unlink(missing_ok=True)


def end_orphans(directory: str | Path, patience_sec: float = 600, pause_sec: float = 1) -> None:
    """Cancel the live jobs of `directory` and wait until none is left.

    Call it only while holding the run lock: the jobs of a live controller are no orphans.
    Raises ClusterError if Slurm does not answer, or jobs are still there after `patience_sec`.
    """
    if not Path(directory, MARK).exists():
        return
    name, printed = recipe_name(directory), set()
    deadline = time.monotonic() + patience_sec

    def print_once(message):
        if message not in printed:
            printed.add(message)
            print(f"sidewinder: {message}", file=sys.stderr, flush=True)

    problem, cancelled = "", set()
    while True:
        try:
            jobs = [job for job in jobs_named(name) if job.live]
            if not jobs:
                break
            new = [job.id for job in jobs if job.id not in cancelled]
            if new:
                more = f" and {len(new) - 1} more" if len(new) > 1 else ""
                print_once(f"Slurm job {new[0]}{more} of an earlier run: cancelled, waiting for it")
                scancel(new)
                cancelled.update(new)
            problem = f"{len(jobs)} jobs named {name}... are cancelled, but have not ended"
        except (SlurmSilent, SlurmRefused) as error:
            problem = str(error)
            print_once(f"an earlier run may have left jobs in Slurm; retrying: {error}")
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{directory}: a killed run may have left running Slurm jobs, which would write"
                f" the same files as new ones; {problem}. Start again from a host where squeue"
                f" answers; if you are sure that none is left, delete {MARK}."
            )
        time.sleep(pause_sec)
    unmark(directory)
