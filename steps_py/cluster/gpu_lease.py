"""Run a command on GPUs that no other job of this project uses.

    python -m steps_py.cluster.gpu_lease --gpus 1 -- python -m steps_py.stages.train_model ...

If the scheduler assigns GPUs, SGE_GPU or CUDA_VISIBLE_DEVICES names them, and they are used if
their number is the requested one. Otherwise, or if more are named, a GPU is locked by an flock on
a file named after its UUID, in a folder that all users of the host share; the kernel releases the
lock when the last process that holds it ends. CUDA_VISIBLE_DEVICES of the command lists exactly
these GPUs; it is empty for a command that requests none.

The lock is inherited by the command and its children: a GPU is free when they have all ended.
"""

import argparse
import contextlib
import datetime
import errno
import fcntl
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from steps_py.errors import ConfigError, StepsError, some

FOLDER = "/tmp/sidewinder-gpus"
FOLDER_VARIABLE = "SIDEWINDER_GPU_LOCKS"
LEASED = "SIDEWINDER_GPU_LEASE"  # set for the command: its children share its GPUs
DEVICE = re.compile(r"^\s*(GPU|MIG) .*\(UUID: ([^)]+)\)", re.M)
POLL_SEC = 1.0
WAIT_SEC = 24 * 3600.0


def lease(
    num_gpus: int, environment, wait_sec: float = WAIT_SEC, say: Callable | None = None
) -> tuple[str | None, list]:
    """Lock `num_gpus` GPUs; returns (CUDA_VISIBLE_DEVICES or None, open lock files).

    None means: leave the variable unchanged. Waits up to `wait_sec` for GPUs that others hold,
    then raises StepsError that names the holders; `say` is called once with a message when
    waiting begins.
    """
    if LEASED in environment:
        return None, []
    if num_gpus == 0:
        return "", []
    named = named_devices(environment)
    if named is not None and len(named) == num_gpus:
        return ",".join(named), []
    cards = list_cards()
    if named is not None:
        if len(named) < num_gpus:
            raise ConfigError(
                f"{num_gpus} GPUs are requested, but SGE_GPU or CUDA_VISIBLE_DEVICES names"
                f" {len(named)} ({some(named) or 'none'}). Request the number of gpu in"
                " cluster.yaml from the scheduler."
            )
        cards = [uuid_of(device, cards) for device in named]
    if not cards:
        return None, []
    if len(cards) < num_gpus:
        raise ConfigError(
            f"{num_gpus} GPUs are requested, and this host has {len(cards)}. Lower gpu in"
            " cluster.yaml."
        )
    return _take(cards, num_gpus, lock_folder(environment), wait_sec, say or _say)


def named_devices(environment) -> list[str] | None:
    """The devices that a scheduler or a user named, or None.

    >>> named_devices({"SGE_GPU": "2 3", "CUDA_VISIBLE_DEVICES": "0"})
    ['2', '3']
    >>> named_devices({"CUDA_VISIBLE_DEVICES": "GPU-4ab,GPU-5cd"}), named_devices({})
    (['GPU-4ab', 'GPU-5cd'], None)
    """
    for variable in ("SGE_GPU", "CUDA_VISIBLE_DEVICES"):
        text = environment.get(variable)
        if text is None or (variable == "SGE_GPU" and not text.strip()):
            continue
        devices = re.split(r"[\s,]+", text.strip()) if text.strip() else []
        return [] if devices in (["-1"], ["NoDevFiles"]) else devices
    return None


def list_cards() -> list[str]:
    """UUIDs of the host's GPUs in the driver's order; for a GPU in MIG mode, of its instances.

    Empty where there is no nvidia-smi, or no driver that answers it.
    """
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        done = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return parse_cards(done.stdout) if done.returncode == 0 else []


def parse_cards(text: str) -> list[str]:
    """The UUIDs in the output of ``nvidia-smi -L``.

    >>> parse_cards('''GPU 0: NVIDIA A100 (UUID: GPU-a)
    ...   MIG 3g.20gb     Device  0: (UUID: MIG-b)
    ...   MIG 3g.20gb     Device  1: (UUID: MIG-c)
    ... GPU 1: NVIDIA A100 (UUID: GPU-d)''')
    ['MIG-b', 'MIG-c', 'GPU-d']
    """
    cards = []
    for kind, uuid in DEVICE.findall(text):
        if kind == "MIG" and cards and cards[-1].startswith("GPU-"):
            cards.pop()  # a GPU in MIG mode cannot be used as a whole
        cards.append(uuid)
    return cards


def uuid_of(device: str, cards: list[str]) -> str:
    """The UUID of a device by its index, its UUID or a prefix of that."""
    if device.isdigit() and int(device) < len(cards):
        return cards[int(device)]
    found = [uuid for uuid in cards if uuid.startswith(device)]
    if len(found) != 1:
        raise ConfigError(
            f"'{device}' of SGE_GPU or CUDA_VISIBLE_DEVICES is none of this host's GPUs"
            f" ({some(cards) or 'nvidia-smi shows none'}). Correct the variable."
        )
    return found[0]


def lock_folder(environment) -> Path:
    """The folder of lock files, created for all users of the host if it does not exist."""
    folder = Path(environment.get(FOLDER_VARIABLE, FOLDER))
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o1777)  # whatever the umask: others lock here too, but must not delete
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise StepsError(f"{folder}: not a folder. Remove it, or set {FOLDER_VARIABLE}.")
    return folder


def _take(cards, num_gpus, folder, wait_sec, say):
    deadline, waiting = time.monotonic() + wait_sec, False
    while True:
        taken = _try(cards, num_gpus, folder)
        if taken:
            return ",".join(taken), list(taken.values())
        late = time.monotonic() >= deadline
        if late or not waiting:
            fault = f"{num_gpus} of {len(cards)} GPUs are requested, but not free: "
            fault += some(f"{uuid} {holder(folder, uuid)}" for uuid in cards)
        if late:
            raise StepsError(f"{fault}. Wait for them, or request fewer.")
        if not waiting:
            say(f"waiting: {fault}.")
            waiting = True
        time.sleep(min(POLL_SEC, max(0.01, deadline - time.monotonic())))


def _try(cards, num_gpus, folder):
    """{uuid: open lock file} of `num_gpus` GPUs, or {}: all or none.

    One process at a time tries, so that two processes never hold one GPU each and wait for the
    other's (deadlock).
    """
    with _open(folder / "turn") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        taken = {}
        for uuid in cards:
            file = _open(lock_file(folder, uuid))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.close()
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                continue
            taken[uuid] = file
            if len(taken) == num_gpus:
                break
        if len(taken) < num_gpus:
            for file in taken.values():
                file.close()
            return {}
        for file in taken.values():
            _sign(file)
        return taken


def lock_file(folder: str | os.PathLike, uuid: str) -> Path:
    """The lock file of a GPU; older drivers have slashes in the names of MIG instances."""
    return folder / re.sub(r"[^\w-]", "_", uuid)


def holder(folder: str | os.PathLike, uuid: str) -> str:
    """The last process that locked a GPU: ``is locked by pid 1 of root since ...``."""
    try:
        owner = lock_file(folder, uuid).read_text().strip()
    except OSError:
        owner = ""
    return f"is locked by {owner or 'an unknown process'}"


def _sign(file):
    """Write the owner into a lock file, for messages; the lock itself is the flock."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    since = datetime.datetime.now().isoformat(" ", "seconds")
    with contextlib.suppress(OSError):  # another user's file, which can be locked but not written
        os.ftruncate(file.fileno(), 0)
        os.pwrite(file.fileno(), f"pid {os.getpid()} of {user} since {since}\n".encode(), 0)


def _open(path):
    """Open a lock file, also one of another user.

    O_CREAT is used only if the file does not exist: in a folder with the sticky bit, Linux
    refuses to open another user's file with O_CREAT (fs.protected_regular).
    """
    while True:
        for flags in (os.O_RDWR, os.O_RDONLY):
            try:
                return os.fdopen(os.open(path, flags | os.O_NOFOLLOW), "rb", closefd=True)
            except FileNotFoundError:
                break
            except PermissionError:
                continue
        else:
            raise StepsError(
                f"{path}: cannot be opened. Its owner must make it readable for others."
            )
        with contextlib.suppress(FileExistsError):
            made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            os.fchmod(made, 0o666)
            return os.fdopen(made, "rb")


def _say(message):
    print(f"gpu_lease: {message}", file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpus", type=int, required=True, help="number of GPUs; 0: none visible")
    parser.add_argument(
        "--wait-sec", type=float, default=WAIT_SEC, help="how long to wait for GPUs"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="after --, with its arguments")
    args = parser.parse_args(argv)
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command or args.gpus < 0:
        parser.error("usage: --gpus N -- COMMAND ...")
    try:
        visible, locks = lease(args.gpus, os.environ, args.wait_sec)
        if visible is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = visible
            os.environ[LEASED] = visible or "none"
        for lock in locks:
            os.set_inheritable(lock.fileno(), True)
        os.execvp(command[0], command)
    except StepsError as error:
        sys.exit(f"gpu_lease: {error}")
    except OSError as error:
        sys.exit(f"gpu_lease: {error.filename or command[0]}: {error.strerror}.")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
