"""Son of Grid Engine from Debian's packages, set up by sge_up.sh."""

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

from tests.real_clusters.runs import wait_until
from tests.real_clusters.scheduler import Scheduler

QMASTER_PID = Path("/var/spool/gridengine/qmaster/qmaster.pid")


class Sge(Scheduler):
    name = "sge"
    shepherd = "sge_shepherd"
    environment: ClassVar = {
        "SIDEWINDER_SGE_QSTAT_AGE_S": "1",
        "SIDEWINDER_SGE_GRACE_S": "3",
        "SIDEWINDER_SGE_RETRY_S": "2",
    }
    requests: ClassVar = {
        "memory": {"memory": "h_vmem"},  # a limit of address space, set by SGE's shepherd
        "held": {"extra": "-h"},
        "refused": {"queue": "nowhere.q"},
        "unstartable": {"extra": "-wd /nowhere"},
    }
    says: ClassVar = {
        "cancelled": r"job \d+, cancelled, failed: .*qdel",
        "process_killed": r"job \d+, process_killed, failed: exit code 1",
        "shell_killed": r"killed: .*kill -9.* \(qacct: failed 100",
        "walltime": r"walltime: ended after 6\d s of 60 s requested \(runtime_min\)",
        "memory": r"out of memory by its log, 1500 MB requested",
        "held": r"is held \(qrls releases it\); the run waits for it",
        "refused": r'unknown queue "nowhere.q"',
        "unstartable": r"could not start it \(Eqw\).*can't chdir to /nowhere",
        "silent": r"SGE does not answer; jobs wait until it does",
        "taken_over": r"is taken over from an earlier run: job (\d+)",
        "replaced": r"job (\d+) of an earlier run makes the same files; it is deleted and replaced",
    }

    def jobs(self):
        listed = command("qstat", "-u", "*")
        return re.findall(r"^ *(\d+) ", listed, re.M)

    def cancel(self, job):
        command("qdel", job)

    def is_held(self, job):
        return bool(re.search(rf"^ *{job} .* hqw ", command("qstat", "-u", "*"), re.M))

    def release(self, job):
        command("qrls", job)

    def pause(self):
        """Kill without notice, as in a crash."""
        os.kill(int(QMASTER_PID.read_text()), signal.SIGKILL)

    def resume(self):
        QMASTER_PID.unlink(missing_ok=True)
        subprocess.run(["/usr/sbin/sge_qmaster"], check=True)
        answers = ["qstat", "-u", "*"]  # not at once, on a busy host
        wait_until(lambda: subprocess.run(answers, capture_output=True).returncode == 0, "qstat")


def command(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout
