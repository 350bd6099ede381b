"""One run at a time in a recipe; a new run clears what a killed one left.

Snakemake marks a running workflow by lock files without an owner: after a SIGKILL they stay, and
the next run refuses to start. Moreover, the jobs of a killed run continue and would write the
same files as their replacements. Here a run holds an flock, which the kernel releases when the
process ends. The process that acquires it can rely on two facts: the lock files are stale, and
running jobs with the run's name in their environment are orphans.
"""

import fcntl
import hashlib
import os
import re
import signal
import sys
import time
from pathlib import Path

NAME = "SIDEWINDER_RUN"
PLANS_ONLY = re.compile(r"-[a-zA-Z]*n[a-zA-Z]*|--dry-?run|--list.*|--lint|--unlock|--.*graph|--dag")
# Forced jobs are not taken over from a killed run; cluster/sge/submit.py reads this variable.
FORCES = re.compile(r"-[RfF]|--force(run|all)?(=.*)?")
FRESH = "SIDEWINDER_FRESH"

_held = []  # the open lock file: closed, and so released, when this process ends


def guard_run(directory: str | os.PathLike, argv: list[str]) -> bool:
    """Acquire the run lock of `directory` and clear what a killed run left. True if acquired.

    A command that only plans (``-n``, ``--list-rules`` ...) neither acquires nor clears anything.
    Jobs started by this process have the run's name in their environment.
    """
    os.environ[NAME] = name = run_name(directory)
    if any(PLANS_ONLY.fullmatch(arg) for arg in argv[1:]):
        return False
    os.environ.pop(FRESH, None)
    if any(FORCES.fullmatch(arg) for arg in argv[1:]):
        os.environ[FRESH] = "1"
    folder = Path(directory, ".snakemake")
    folder.mkdir(exist_ok=True)
    lock = open(folder / "sidewinder.lock", "w")  # noqa: SIM115 - held until the process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()  # another run is alive, and Snakemake's own locks report it
        return False
    _held.append(lock)
    orphans = find_jobs(name)
    if orphans:
        say(f"ending {len(orphans)} running jobs of a killed run in {directory}")
        end_jobs(name)
    stale = sorted(folder.glob("locks/*.lock"))
    if stale:
        say(f"removing the lock of a killed run in {directory}")
        for path in stale:
            path.unlink(missing_ok=True)
    return True


def run_name(directory: str | os.PathLike) -> str:
    """A short name for the runs of one directory on this machine."""
    return hashlib.sha256(str(Path(directory).resolve()).encode()).hexdigest()[:16]


def find_jobs(name: str) -> list[int]:
    """Ids of this user's processes with the run's name, other than this process's ancestors.

    Empty where there is no /proc.
    """
    wanted = f"{NAME}={name}".encode()
    own, found = ancestors(os.getpid()), []
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            if pid not in own and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(pid)
        except OSError:  # not ours, or gone meanwhile
            continue
    return found


def ancestors(pid: int) -> set[int]:
    """`pid`, its parent, and so on up to the first process."""
    line = set()
    while pid and pid not in line:
        line.add(pid)
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            break
        pid = int(stat.rpartition(")")[2].split()[1])
    return line


def end_jobs(name: str, patience_sec: float = 20) -> None:
    """SIGKILL the jobs until none is left; they run again from their inputs."""
    deadline = time.monotonic() + patience_sec
    while (jobs := find_jobs(name)) and time.monotonic() < deadline:
        for pid in jobs:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.1)


def say(message: str) -> None:
    print(f"sidewinder: {message}", file=sys.stderr)
