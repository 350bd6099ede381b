"""What the tests ask of a real scheduler, brought up on this host for them.

A scheduler is one file here, `<name>.py`, with a class of that name (Sge, Slurm) and its
scripts `<name>_up.sh` and `<name>_down.sh`. Everything else is written once, for all of them.
"""

import importlib
import os
import signal
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAMES = [name for name in ("sge", "slurm") if (HERE / f"{name}.py").exists()]


def scheduler_of(name):
    """The scheduler whose file has that name, not yet up."""
    return getattr(importlib.import_module(f"tests.cluster.{name}"), name.capitalize())()


class Scheduler:
    """One real scheduler on this host. Job ids are text, as Snakemake prints them.

    A subclass says what is its own and gives the five commands that raise here.
    """

    name = ""  # of the profile, of the key in cluster.yaml, of <name>_up.sh
    shepherd = ""  # the scheduler's process above a job's first shell, as in /proc/<pid>/comm
    environment: dict = {}  # what the controller gets, so that waiting is short in tests
    options: list = []  # of snakemake, with the same aim
    memory_request: dict = {}  # the scheduler's section of cluster.yaml under which memory is enforced
    # what the last words of a run say about each fault, as regular expressions
    says: dict = dict.fromkeys(
        ["cancelled", "process_killed", "shell_killed", "walltime", "memory", "refused"], ""
    )

    def up(self):
        subprocess.run([HERE / f"{self.name}_up.sh", "--fresh"], check=True)

    def down(self):
        subprocess.run([HERE / f"{self.name}_down.sh"], check=True)

    def jobs(self):
        """Ids of all jobs that wait or run."""
        raise NotImplementedError

    def cancel(self, job):
        """As the user does it: qdel, scancel."""
        raise NotImplementedError

    def hold_next(self):
        """Let jobs that are submitted from now on be held; returns the function that ends it."""
        raise NotImplementedError

    def pause(self):
        """The daemon that takes submissions and answers questions goes down."""
        raise NotImplementedError

    def resume(self):
        """... and comes back, with its jobs."""
        raise NotImplementedError

    def first_shell(self, pid):
        """The pid of the scheduler's first process of the job that `pid` belongs to."""
        while comm(parent := parent_of(pid)) != self.shepherd:
            assert parent > 1, f"{pid} is not below a {self.shepherd}"
            pid = parent
        return pid

    def kill_process(self, pid):
        os.kill(pid, signal.SIGKILL)

    def kill_shell(self, pid):
        os.kill(self.first_shell(pid), signal.SIGKILL)


def comm(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def parent_of(pid):
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])
