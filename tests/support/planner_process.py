"""The process of `Planner`: reads command lines, and runs each in a fork of itself.

What a fork imported and read of the rules' files is imported and read once, for the next ones.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import pickle
import sys
import tempfile
from pathlib import Path

import snakemake.cli
import snakemake.workflow

from steps_py.own_parts import PACKAGE
from tests.support.forks import end_as_a_program

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
        folder, options, environment = json.loads(line)
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2)]
            learned = stack.enter_context(tempfile.TemporaryFile())
            child = os.fork()
            if not child:
                for number, file in enumerate(files, start=1):
                    os.dup2(file.fileno(), number)
                os.environ.update(environment)
                sys.argv = ["snakemake", "--snakefile", str(ROOT / "Snakefile")]
                sys.argv += ["--directory", folder, *options]
                end_as_a_program(snakemake.cli.main, functools.partial(teach, rules, learned))
            _, status = os.waitpid(child, 0)
            said = [file.seek(0) or file.read() for file in files]
            print(json.dumps([os.waitstatus_to_exitcode(status), *said]), flush=True)
            learn(rules, learned)
            gc.freeze()  # the next fork does not write to the pages of what is imported


def teach(rules, file):
    """Write what `learn` reads; modules of a recipe's own folder are left out."""
    names = [name for name in sys.modules if not name.startswith((PACKAGE, "__"))]
    pickle.dump((rules.code, names), file)
    file.flush()


def learn(rules, file):
    """Read the same rules' files and import the same modules as a fork did."""
    file.seek(0)
    with contextlib.suppress(EOFError):  # the fork was killed
        code, names = pickle.load(file)
        rules.code |= code
        for name in names:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


if __name__ == "__main__":
    serve()
