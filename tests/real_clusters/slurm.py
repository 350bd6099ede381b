"""Slurm 22.05 from Debian's packages, set up by slurm_up.sh."""

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

from tests.real_clusters.runs import wait_until
from tests.real_clusters.scheduler import Scheduler

SLURMCTLD_PID = Path("/run/slurm/slurmctld.pid")


class Slurm(Scheduler):
    name = "slurm"
    shepherd = "slurmstepd"
    options = ("--slurm-init-seconds-before-status-checks", "1")
    requests: ClassVar = {
        "memory": {},  # every job's memory is limited
        "held": {"extra": "--hold"},
        "refused": {"partition": "nowhere"},
        "unstartable": None,  # it waits; test_slurm.py has it
    }
    says: ClassVar = {
        "cancelled": r"Slurm job \d+ ended as CANCELLED: cancelled by a person or by Slurm",
        "process_killed": r"Slurm job \d+ ended as FAILED: its command failed",
        "shell_killed": r"Slurm job \d+ ended as FAILED: its command failed, killed by signal 9",
        "walltime": r"Slurm job \d+ ended as TIMEOUT: over its run time \(it requested 1 min",
        "memory": r"out of memory \(it requested 1500 MB; mem_mb in cluster.yaml\)",
        "held": r"may never start, JobHeldUser: held by you; `scontrol release \d+`",
        "refused": r"not submitted: .*[Ii]nvalid partition",
        "unstartable": None,
        "silent": r"(squeue|sbatch) got no answer",
        "taken_over": None,
        "replaced": r"Slurm job (\d+)\S*(?: and \d+ more)? of an earlier run: cancelled",
    }

    def jobs(self):
        return command("squeue", "--noheader", "--array", "--format=%A").split()

    def cancel(self, job):
        listed = command("squeue", "--noheader", "--array", "--format=%A %i").split()
        names = dict(zip(listed[::2], listed[1::2], strict=True))
        command("scancel", names[job])  # a task of an array goes by that name alone: 7_2

    def is_held(self, job):
        return "JobHeldUser" in command("squeue", "--noheader", "--format=%r", "--jobs", job)

    def release(self, job):
        command("scontrol", "release", job)

    def pause(self):
        """Kill without notice, as in a crash."""
        os.kill(int(SLURMCTLD_PID.read_text()), signal.SIGKILL)

    def resume(self):
        subprocess.run(["/usr/sbin/slurmctld"], check=True)
        wait_until(answers, "an answer of slurmctld")

    def first_shell(self, pid):
        """The batch script's: the rule's own shell is below srun, in another step."""
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        job = next(word for word in environment if word.startswith(b"SLURM_JOB_ID="))
        listed = command("scontrol", "listpids", job.decode().partition("=")[2])
        return int(re.search(r"^ *(\d+) +\d+ +batch +0 ", listed, re.M)[1])


def answers():
    return subprocess.run(["scontrol", "ping"], capture_output=True).returncode == 0


def command(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout
