"""The process of `Planner`: reads command lines, and runs each in a fork of itself.

What a fork imported and read of the rules' files is imported and read once, for the next ones.
"""

import contextlib
import importlib
import json
import os
import pickle
import sys
import tempfile
import traceback
from pathlib import Path

import snakemake.cli
import snakemake.workflow

from steps_py.own_parts import PACKAGE

ROOT = Path(__file__).parents[2]


class Rules:
    """Snakemake's parser, with the Python code of the rules' files that were read before."""

    def __init__(self):
        self.code = {}
        self._parse = snakemake.workflow.parse
        snakemake.workflow.parse = self.parse

    def parse(self, path, workflow, linemap, rulecount=0):
        name = path.get_path_or_uri(secret_free=True)
        key = (name, os.stat(name).st_mtime_ns, rulecount)
        if key not in self.code:
            code, count = self._parse(path, workflow, linemap, rulecount=rulecount)
            self.code[key] = (code, count, dict(linemap))
        code, count, lines = self.code[key]
        linemap.update(lines)
        return code, count


def serve():
    snakemake.cli.get_argument_parser()  # finds the plugins that are installed
    rules = Rules()
    for line in sys.stdin:
        folder, *options = json.loads(line)
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2)]
            learned = stack.enter_context(tempfile.TemporaryFile())
            child = os.fork()
            if not child:
                for number, file in enumerate(files, start=1):
                    os.dup2(file.fileno(), number)
                sys.argv = ["snakemake", "--snakefile", str(ROOT / "Snakefile")]
                sys.argv += ["--directory", folder, *options]
                code = exit_code(snakemake.cli.main)
                pickle.dump((rules.code, imported()), learned)
                learned.flush()
                os._exit(code)
            _, status = os.waitpid(child, 0)
            said = [file.seek(0) or file.read() for file in files]
            print(json.dumps([os.waitstatus_to_exitcode(status), *said]), flush=True)
            learn(rules, learned)


def imported():
    """Names of modules, without those of a recipe's own folder."""
    return [name for name in sys.modules if not name.startswith((PACKAGE, "__"))]


def learn(rules, file):
    """Read the same rules' files and import the same modules as a fork did."""
    file.seek(0)
    with contextlib.suppress(EOFError):  # the fork was killed
        code, names = pickle.load(file)
        rules.code |= code
        for name in names:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


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
