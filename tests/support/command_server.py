"""Runs the Kaldi commands in forks of one process that has imported everything.

A Python interpreter that imports numpy takes longer to start than most test cases run. The folder
of launchers that `running_server` makes holds one for each command; a launcher hands its streams
to the server, which forks, runs the command on them, and returns the exit status.
"""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from steps_py.kaldi.commands import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
_CLIENT = Path(__file__).with_name("command_client.py")
_START_SECONDS = 60


@contextlib.contextmanager
def running_server(folder: Path):
    """Yield the environment in which the commands run by a server."""
    launchers = folder / "bin"
    launchers.mkdir()
    for name in COMMANDS:
        path = launchers / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{_CLIENT}" "$0" "$@"\n')
        path.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{launchers}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "STEPS_COMMAND_SERVER": str(folder / "server"),
        "SIDEWINDER_STRICT": "0",
        "LC_ALL": "C",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    environment.pop("KALDI_ROOT", None)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.command_server"], cwd=ROOT, env=environment
    )
    try:
        _wait_for(folder / "server", server)
        yield environment
    finally:
        server.terminate()
        server.wait()


def _wait_for(address, server):
    until = time.monotonic() + _START_SECONDS
    while not address.exists():
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError("the server of commands did not start")
        time.sleep(0.02)


def serve(address: str) -> None:
    """Answer requests until terminated."""
    for module in sorted(set(COMMANDS.values())):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(f"steps_py.kaldi.{module}")
    for module in ("scipy.sparse", "scipy.linalg", "steps_py.backend.plda", "steps_py.feats.mfcc"):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _run(connection)
        connection.close()


def _run(connection):
    """Run the requested command in this fork; never returns."""
    head, fds, _, _ = socket.recv_fds(connection, 8, 3)
    size, data = int.from_bytes(head, "little"), b""
    while len(data) < size:
        data += connection.recv(size - len(data))
    folder, *argv = data.decode(errors="surrogateescape").split("\0")
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(folder)
    os.set_inheritable(connection.fileno(), False)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    status = 1
    try:
        status = main(argv)
    except SystemExit as end:
        status = end.code or 0
    finally:
        with contextlib.suppress(OSError, AttributeError):
            sys.stdout.flush()
        os.closerange(0, 3)  # who reads our output sees its end
        connection.sendall(bytes([(status or 0) & 255]))
        os._exit(0)


if __name__ == "__main__":
    serve(os.environ["STEPS_COMMAND_SERVER"])
