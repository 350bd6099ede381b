"""`python -m module` of rules and of Kaldi's commands, each in a fork of one process.

That process has imported torch and the other libraries, which takes longer than most jobs of a
tiny recipe; modules of this project are imported by each fork. Bash reads the file `functions`
because of BASH_ENV, and calls its functions instead of programs: each runs `client.py`, which
gives the server what a process has and ends as the fork ends.

environment()                               # variables for a process whose bash runs rules
[*command(), "-m", "steps_py.kaldi", ...]   # one command; a signal ends the client alone
"""

import atexit
import functools
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
COMMANDS = ROOT / "steps_py/kaldi/bin"


def client_of(socket: Path) -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("client.py")), str(socket)]


def functions(socket: Path) -> str:
    """Functions of bash for python and, without KALDI_ROOT, for the built-in commands."""
    client = shlex.join(client_of(socket))
    lines = [f'{name}() {{ {client} "$@"; }}' for name in ("python", "python3")]
    lines.append('if [ -z "${KALDI_ROOT:-}" ]; then')
    for command in sorted(path.name for path in COMMANDS.iterdir()):
        lines.append(f'{command}() {{ {client} -m steps_py.kaldi {command} "$@"; }}')
    return "\n".join([*lines, "fi", ""])


def environment() -> dict[str, str]:
    """BASH_ENV, so that bash calls the functions."""
    return {"BASH_ENV": str(started() / "functions")}


def command() -> list[str]:
    """The words in place of ``python``."""
    return client_of(started() / "socket")


@functools.cache
def started() -> Path:
    """The folder of the server of this test process, which is started here and ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="forks-"))
    (folder / "functions").write_text(functions(folder / "socket"))
    command = [sys.executable, "-m", f"{__name__}.server", folder / "socket"]
    server = subprocess.Popen(
        ["bash", "-c", '. ./path.sh --strict; exec "$@"', "server", *command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    server.stdout.readline()  # it listens

    def end():
        server.stdin.close()
        server.wait()
        shutil.rmtree(folder)

    atexit.register(end)
    return folder
