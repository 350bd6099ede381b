"""Several processes of one training on one machine: torchrun, started from within the job.

On several machines torchrun is started by the job on each of them::

    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 \\
        -m steps_py.stages.train_model ...

Whoever starts them, the processes find each other by the environment that torchrun sets.
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

from steps_py.errors import StepsError
from steps_py.training.signals import EXIT_CODES

LAUNCHED = "SIDEWINDER_LAUNCHED"  # set in processes that `launch` started
PEER_LOST = 75  # exit code of a process that ends because another did
PATIENCE_SEC = 120  # for the checkpoint after a signal


def launch(arguments, num_processes):
    """Run train_model with these arguments in `num_processes` processes; exit as they do.

    A signal goes to all of them.  If one dies, all end, and StepsError says which and why.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException  # start-up time
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.CRITICAL)  # torchrun's own words, in this process alone
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
        shutdown_timeout=PATIENCE_SEC,
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
    """Exit as the process did that failed by itself, not because of another."""
    by_rank = sorted(failures.items(), key=lambda item: item[1].timestamp)
    caused = [f for f in by_rank if f[1].exitcode not in (PEER_LOST, -signal.SIGTERM)]
    spoke = [f for f in by_rank if f[1].error_file_data.get("sidewinder")]
    rank, failure = (spoke or caused or by_rank)[0]
    if failure.exitcode in EXIT_CODES.values():
        sys.exit(failure.exitcode)
    if spoke:
        raise StepsError(failure.message)
    if failure.exitcode < 0:
        name = signal.Signals(-failure.exitcode).name
        raise StepsError(
            f"train: process {rank + 1} of {num_processes} was ended by {name}, and so all ended."
            " Start the same command again to resume; if memory ran out, ask for more."
        )
    raise StepsError(
        f"train: process {rank + 1} of {num_processes} ended with status {failure.exitcode};"
        " what it said is above."
    )


@contextlib.contextmanager
def one_of_several():
    """Around a process of several: it ends with its launcher, and its errors are told once."""
    from steps_py.training.processes import PeerLostError  # start-up time

    if os.environ.get(LAUNCHED):
        _die_with(int(os.environ[LAUNCHED]))
    try:
        yield
    except PeerLostError:
        time.sleep(2)  # so that whose fault it was is seen before
        sys.exit(PEER_LOST)
    except StepsError as error:
        if not os.environ.get(LAUNCHED):
            raise
        with open(os.environ["TORCHELASTIC_ERROR_FILE"], "w") as out:
            json.dump({"sidewinder": True, "message": str(error), "timestamp": time.time()}, out)
        sys.exit(1)


def _die_with(launcher):
    """Let the kernel end this process with its launcher, however that ends."""
    set_death_signal = 1  # PR_SET_PDEATHSIG of prctl.h
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(set_death_signal, signal.SIGKILL)
    if os.getppid() != launcher:
        sys.exit(PEER_LOST)
