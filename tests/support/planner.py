"""Snakemake's commands, each in a fork of one process that has imported it and read the rules.

planner = Planner()
planner.run(folder, "--dry-run", "all").stdout
planner.rules(folder, "all")        # {rule: number of jobs}
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Planner:
    """A process that answers; a second for each command instead of three."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.planner_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder, *options, env=None):
        """``snakemake --directory folder *options``, completed."""
        request = [str(folder), options, env or {}]
        print(json.dumps(request), file=self._process.stdin, flush=True)
        code, stdout, stderr = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(["snakemake", *options], code, stdout, stderr)

    def ask(self, folder, *options):
        """(exit code, output) of ``snakemake --directory folder --dry-run *options``."""
        done = self.run(folder, "--dry-run", *options)
        return done.returncode, done.stdout + done.stderr

    def rules(self, folder, *options):
        """{rule: number of jobs} that a run would execute, without the rule `all`."""
        code, text = self.ask(folder, *options)
        assert code == 0, text[-3000:]
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", text, re.M | re.S)
        if table is None:
            assert "Nothing to be done" in text, text[-3000:]
            return {}
        rows = (line.split() for line in table[1].splitlines())
        return {rule: int(count) for rule, count in rows if rule != "all"}

    def close(self):
        self._process.stdin.close()
        self._process.wait()
