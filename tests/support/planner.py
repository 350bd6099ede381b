"""Snakemake's commands that run no job, each in a fork of one process that has imported it.

planner = Planner()
planner.run(folder, "--dry-run", "all").stdout
planner.rules(folder, "all")        # {rule: number of jobs}
"""

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Planner:
    """A process that answers; a second for each command instead of three."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.planner"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder, *options):
        """``snakemake --directory folder *options``, completed."""
        print(json.dumps([str(folder), *options]), file=self._process.stdin, flush=True)
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


IMPORTED = (  # what every command imports, in the process that is forked
    *("snakemake.cli", "snakemake.profiles", "snakemake.report.html_reporter"),
    *("steps_py.backend.systems", "steps_py.recipe.conf_files", "steps_py.recipe.config"),
)


def serve():
    for name in IMPORTED:
        importlib.import_module(name)
    from snakemake.cli import main

    for line in sys.stdin:
        folder, *options = json.loads(line)
        with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
            child = os.fork()
            if not child:
                os.dup2(stdout.fileno(), 1)
                os.dup2(stderr.fileno(), 2)
                sys.argv = ["snakemake", "--snakefile", str(ROOT / "Snakefile")]
                sys.argv += ["--directory", folder, *options]
                os._exit(exit_code(main))
            _, status = os.waitpid(child, 0)
            said = [file.seek(0) or file.read() for file in (stdout, stderr)]
            print(json.dumps([os.waitstatus_to_exitcode(status), *said]), flush=True)


def exit_code(main):
    """What a process that calls `main` ends with, its output written."""
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    serve()
