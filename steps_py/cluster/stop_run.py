"""SIGTERM to the controller ends the run as Ctrl-C does, its local jobs included.

Ctrl-C reaches every process of the terminal; SIGTERM reaches only the process that it is sent
to, and Snakemake then waits for its jobs, which may take days. Here the signal is forwarded to
all descendants: a training writes its checkpoint and exits.
"""

import os
import signal
from pathlib import Path


def stop_jobs_on_sigterm() -> None:
    """Install a SIGTERM handler that forwards the signal to all descendants, then acts as Ctrl-C.

    Call it from the main thread, after Snakemake has installed its own handler.
    """
    received = []

    def stop(number, frame):
        for pid in descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGTERM)
            except (ProcessLookupError, PermissionError):
                continue
        received.append(number)
        if len(received) == 1:  # later ones go to the jobs only; the run is ending
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def descendants(pid: int):
    """Process ids of the children of `pid`, of theirs, and so on; [] where there is no /proc."""
    children = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:  # gone meanwhile
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(folder.name))
    found, line = [], [pid]
    while line:
        below = children.get(line.pop(), [])
        found += below
        line += below
    return found
