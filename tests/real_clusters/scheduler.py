"""What the tests ask of a real scheduler, brought up on this host for them.

A scheduler is one file here, `<name>.py`, with a class of that name (Sge, Slurm) and its
scripts `<name>_up.sh` and `<name>_down.sh`. Everything else is written once, for all of them.
"""

import importlib
import subprocess
from pathlib import Path
from typing import ClassVar

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAMES = [name for name in ("sge", "slurm") if (HERE / f"{name}.py").exists()]


def scheduler_of(name):
    """The scheduler whose file has that name, not yet up."""
    return getattr(importlib.import_module(f"tests.real_clusters.{name}"), name.capitalize())()


class Scheduler:
    """One real scheduler on this host. Job ids are text, as Snakemake prints them.

    A subclass gives what follows and the methods that raise here.
    """

    name = ""  # of the profile, of its section in cluster.yaml, of <name>_up.sh
    shepherd = ""  # the scheduler's process above a job's first shell, as in /proc/<pid>/comm
    environment: ClassVar = {}  # of the controller, so that waiting is short in tests
    options: ClassVar = ()  # of snakemake, with the same aim

    # What a rule asks for (its section of cluster.yaml) to have its memory limited, to be held,
    # to be refused at submission, to be taken and then not startable. None: there is no such thing.
    requests: ClassVar = dict.fromkeys(["memory", "held", "refused", "unstartable"])

    # What the run says of each fault, as regular expressions; the first group is a job id.
    says: ClassVar = dict.fromkeys(
        [
            *("cancelled", "process_killed", "shell_killed", "walltime", "memory"),
            *("held", "refused", "unstartable", "silent", "taken_over", "replaced"),
        ]
    )

    def has(self, fault):
        """Whether there is such a fault here."""
        return self.requests.get(fault, {}) is not None

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

    def is_held(self, job):
        raise NotImplementedError

    def release(self, job):
        raise NotImplementedError

    def pause(self):
        """The daemon that takes submissions and answers questions goes down."""
        raise NotImplementedError

    def resume(self):
        """... and comes back, and answers."""
        raise NotImplementedError

    def first_shell(self, pid):
        """The pid of the scheduler's first process of the job that `pid` belongs to."""
        while comm(parent := parent_of(pid)) != self.shepherd:
            assert parent > 1, f"{pid} is not below a {self.shepherd}"
            pid = parent
        return pid


def comm(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def parent_of(pid):
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])
