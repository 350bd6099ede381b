"""A run of the workflow in small/, with a hand on its controller."""

import os
import re
import signal
import subprocess
import sys
import time

import yaml

from tests.real_clusters.scheduler import ROOT

MINUTES = 60
SMALL = ROOT / "tests/cluster/small/Snakefile"


def wait_until(condition, what, run=None, patience_s=5 * MINUTES):
    """The first true value of `condition()`; a failure that says `what` never came.

    Nor does it come any more once `run` is over.
    """
    deadline = time.monotonic() + patience_s
    while not (value := condition()):
        over = run is not None and run.process.poll() is not None and not condition()
        assert not over and time.monotonic() < deadline, (
            f"never came: {what}\n{run.said() if run else ''}"
        )
        time.sleep(0.2)
    return value


class Run:
    """A running controller in `folder`, which can have been used by another one before."""

    def __init__(self, scheduler, folder, *targets, options=(), table=None, local=False):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "cluster.yaml").write_text(yaml.safe_dump(table or small_table(scheduler)))
        command = [sys.executable, "-m", "snakemake", "--snakefile", SMALL]
        command += ["--directory", folder]
        if local:
            command += ["--cores", "2"]
        else:
            command += ["--profile", scheduler.name, "--retries", "1", "--keep-going"]
            command += ["--seconds-between-status-checks", "1", *scheduler.options]
        self.said_path = folder / f"said.{time.time_ns()}"
        self.process = subprocess.Popen(
            [*map(str, command), *options, "--", *targets],
            cwd=ROOT,
            stdout=self.said_path.open("w"),
            stderr=subprocess.STDOUT,
            env={**os.environ, **scheduler.environment},
            start_new_session=True,
        )

    def said(self):
        return self.said_path.read_text()

    def wait_for_word(self, pattern):
        return wait_until(lambda: re.search(pattern, self.said()), f"'{pattern}'", self)

    def attempts(self, name):
        """[(job id, pid of the rule's shell)] of the attempts at out/<name> so far."""
        try:
            lines = (self.folder / "attempts" / name).read_text().splitlines()
        except OSError:
            return []
        return [(line.split()[0], int(line.split()[1])) for line in lines]

    def wait_for_attempt(self, name, number=1):
        wait_until(lambda: len(self.attempts(name)) >= number, f"attempt {number} at {name}", self)
        return self.attempts(name)[number - 1]

    def interrupt(self):
        """Ctrl-C: the terminal sends it to all processes of the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def terminate(self):
        """SIGTERM to the controller alone, as from `kill` or the end of a session."""
        self.process.terminate()

    def kill(self):
        """kill -9 of the controller alone."""
        self.process.kill()
        self.process.wait()

    def end(self):
        """The exit code of a run that ends by itself."""
        return self.process.wait(timeout=10 * MINUTES)


def small_table(scheduler):
    """cluster.yaml: little of everything, and for each fault what brings it about."""
    rules = {"walltime": {"runtime_min": 1}, "memory": {"mem_mb": 1500}}
    for name, request in scheduler.requests.items():
        if request is not None:
            rules.setdefault(name, {})[scheduler.name] = request
    return {"default": {"mem_mb": 500, "runtime_min": 10, "gpu": 0}, "rules": rules}
