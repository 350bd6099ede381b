"""Jobs that outlive their controller are gone before they are replaced.

A controller that is killed leaves its jobs in Slurm, where they start and run as if
nothing had happened.  All jobs of one recipe carry its directory in their name, and a
file in .snakemake says that there may be some; the next run, of whatever kind,
cancels them and waits until the last has left its node.
"""

import hashlib
import sys
import time
from pathlib import Path

from steps_py.cluster.slurm.client import SlurmRefused, SlurmSilent, jobs_named, scancel
from steps_py.errors import ClusterError

MARK = ".snakemake/slurm_jobs"


def recipe_name(directory):
    """What the names of all Slurm jobs of this directory begin with."""
    digest = hashlib.sha256(str(Path(directory).resolve()).encode()).hexdigest()
    return f"sidewinder-{digest[:12]}"


def mark(directory):
    """Say on disk that this directory may have jobs in Slurm; before the first is submitted."""
    path = Path(directory, MARK)
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{recipe_name(directory)}\n")


def unmark(directory):
    Path(directory, MARK).unlink(missing_ok=True)


def end_orphans(directory, patience_sec=600, pause_sec=1):
    """Cancel the live jobs of `directory` and wait until none is left.

    Call it only with the run lock in hand: another controller's jobs are no orphans.
    ClusterError if Slurm does not answer, or does not get rid of them.
    """
    if not Path(directory, MARK).exists():
        return
    name, said = recipe_name(directory), set()
    deadline = time.monotonic() + patience_sec

    def say(message):
        if message not in said:
            said.add(message)
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
                say(f"Slurm job {new[0]}{more} of an earlier run: cancelled, and waited for")
                scancel(new)
                cancelled.update(new)
            problem = f"{len(jobs)} jobs named {name}... are cancelled, but not yet gone"
        except (SlurmSilent, SlurmRefused) as error:
            problem = str(error)
            say(f"an earlier run may have left jobs in Slurm; asked until it answers: {error}")
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{directory}: a killed run may have left Slurm jobs at work, which would write"
                f" the same files as new ones; {problem}. Start again from a host where squeue"
                f" answers; if you know that none is left, delete {MARK}."
            )
        time.sleep(pause_sec)
    unmark(directory)
