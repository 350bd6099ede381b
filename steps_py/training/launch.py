"""Starts the processes of a training on one machine with torchrun's launcher.

On several machines, start torchrun on each of them::

    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 \\
        -m steps_py.stages.train_model ...

Either way the processes read their ranks from the environment that torchrun sets.
"""

import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Sequence

from steps_py.errors import StepsError
from steps_py.training.signals import EXIT_CODES

LAUNCHED = "SIDEWINDER_LAUNCHED"  # set in processes that `launch` started
PEER_LOST = 75  # exit code of a process that ends because another did
SHUTDOWN_SEC = 120  # for the checkpoint after a signal


def launch(arguments: Sequence[str], num_processes: int) -> None:
    """Run train_model with these arguments in `num_processes` processes; exit with their status.

    Signals are forwarded to all processes.  If one process dies, the others are stopped and
    StepsError names it and the cause.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException  # start-up time
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.CRITICAL)  # silences torchrun; the training processes still log
    os.environ[LAUNCHED] = str(os.getpid())
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        max_restarts=0,
        shutdown_timeout=SHUTDOWN_SEC,
        signals_to_handle="SIGTERM,SIGINT",
    )
    command = ("-m", "steps_py.stages.train_model", *arguments)
    try:
        elastic_launch(config, sys.executable)(*command)
    except SignalException as error:
        sys.exit(EXIT_CODES[error.sigval])
    except ChildFailedError as error:
        _exit_like(error.failures, num_processes)


def _exit_like(failures, num_processes):
    """Exit with the status, or raise the error, of the process that failed first on its own."""
    by_rank = sorted(failures.items(), key=lambda item: item[1].timestamp)
    caused = [f for f in by_rank if f[1].exitcode not in (PEER_LOST, -signal.SIGTERM)]
    reported = [f for f in by_rank if f[1].error_file_data.get("sidewinder")]
    rank, failure = (reported or caused or by_rank)[0]
    if failure.exitcode in EXIT_CODES.values():
        sys.exit(failure.exitcode)
    if reported:
        raise StepsError(failure.message)
    if failure.exitcode < 0:
        name = signal.Signals(-failure.exitcode).name
        raise StepsError(
            f"train: rank {rank} of {num_processes} was killed by {name}; all processes were"
            " stopped. Run the same command again to resume; if memory ran out, request more."
        )
    raise StepsError(
        f"train: rank {rank} of {num_processes} ended with status {failure.exitcode};"
        " its messages are above."
    )


@contextlib.contextmanager
def training_process() -> Iterator[None]:
    """Context of a training process: it dies with its launcher, which reports its StepsError.

    Outside of `launch` it changes nothing.
    """
    from steps_py.training.processes import PeerLostError  # start-up time

    if os.environ.get(LAUNCHED):
        _die_with(int(os.environ[LAUNCHED]))
    try:
        yield
    except PeerLostError:
        time.sleep(2)  # so that the process that failed first is recorded first
        sys.exit(PEER_LOST)
    except StepsError as error:
        if not os.environ.get(LAUNCHED):
            raise
        with open(os.environ["TORCHELASTIC_ERROR_FILE"], "w") as out:
            json.dump({"sidewinder": True, "message": str(error), "timestamp": time.time()}, out)
        sys.exit(1)


def _die_with(launcher):
    """Let the kernel kill this process when its launcher ends for any reason."""
    set_death_signal = 1  # PR_SET_PDEATHSIG of prctl.h
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(set_death_signal, signal.SIGKILL)
    if os.getppid() != launcher:
        sys.exit(PEER_LOST)
