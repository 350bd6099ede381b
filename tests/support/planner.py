"""Dry runs of the workflow, each in a fork of one process that has imported Snakemake already.

planner = Planner()
planner.rules(folder, "all")        # {rule: number of jobs}
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Planner:
    """A process that answers dry runs; a second for each instead of three."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.planner"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, folder, *options):
        """(exit code, output) of ``snakemake --directory folder --dry-run *options``."""
        print(json.dumps([str(folder), *options]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

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


def serve():
    from snakemake.cli import main

    for line in sys.stdin:
        folder, *options = json.loads(line)
        with tempfile.TemporaryFile("w+") as output:
            child = os.fork()
            if not child:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                sys.argv = ["snakemake", "--snakefile", str(ROOT / "Snakefile")]
                sys.argv += ["--directory", folder, "--dry-run", *options]
                try:
                    main()
                except SystemExit as end:
                    if isinstance(end.code, str):
                        print(end.code, file=sys.stderr)
                    code = end.code if isinstance(end.code, int) else int(end.code is not None)
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(code)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            output.seek(0)
            print(json.dumps([os.waitstatus_to_exitcode(status), output.read()]), flush=True)


if __name__ == "__main__":
    serve()
