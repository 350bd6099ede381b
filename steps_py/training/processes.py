"""Data-parallel training: the process group, and collective operations over it.

The batch of a step is split over all processes; the mean of their gradients is the gradient of
the whole batch.  Gradients are all-reduced in the order of the parameters and in the same
buckets each time, so that a resumed training adds the same numbers in the same order and gives
bit-identical weights.
"""

import contextlib
import datetime
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import distributed

from steps_py.errors import StepsError

BUCKET_BYTES = 25_000_000  # all-reduced at a time, in a copy of this size
TIMEOUT = datetime.timedelta(minutes=30)  # long, for reading from a slow disk


class PeerLostError(Exception):
    """Another process of the training is gone; it reports the cause itself."""


class Requests(NamedTuple):
    """What a process requests of all at the next step."""

    stop: bool = False
    checkpoint: bool = False


class ProcessGroup:
    """The processes that train together, and the place of this one among them.

    Parameters
    ----------
    rank, num_processes : int
        Number of this process, from 0, and of all.
    local_rank, num_local : int
        The same among the processes of this machine.
    job_threads : int
        Processors of the job on this machine.

    >>> group = ProcessGroup()
    >>> group.rank, group.num_processes, group.is_first
    (0, 1, True)
    """

    def __init__(
        self,
        rank: int = 0,
        num_processes: int = 1,
        local_rank: int = 0,
        num_local: int = 1,
        job_threads: int = 1,
    ):
        self.rank, self.num_processes = rank, num_processes
        self.job_threads = job_threads
        self.local_rank, self.num_local = local_rank, num_local
        self._cpu_group = None  # for plain values where the default group is NCCL

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] = os.environ, job_threads: int = 1
    ) -> "ProcessGroup":
        """The group that torchrun describes in `environ`; without torchrun, a single process."""
        if "RANK" not in environ:
            return cls(job_threads=job_threads)
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        return cls(*(int(environ[name]) for name in names), job_threads=job_threads)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and logs."""
        return self.rank == 0

    @contextlib.contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        """Context in which the group is initialised: NCCL between GPUs, gloo between CPUs."""
        if self.num_processes == 1:
            yield
            return
        with translate_peer_failure():
            backend = "gloo"
            if device.type == "cuda":
                backend = "nccl"
                torch.cuda.set_device(device)
            distributed.init_process_group(backend, timeout=TIMEOUT)
            self._cpu_group = distributed.new_group(backend="gloo") if backend == "nccl" else None
        try:
            yield
        except SystemExit:  # after a signal, which all processes receive
            distributed.destroy_process_group()
            raise
        distributed.destroy_process_group()  # not after an error: the others may be gone

    def all_reduce_mean(self, gradients: list[torch.Tensor], extra: torch.Tensor) -> None:
        """Replace tensors, and the vector `extra`, by their means over all processes."""
        if self.num_processes == 1:
            return
        for bucket in _buckets([*gradients, extra]):
            flat = torch.cat([x.flatten().float() for x in bucket])
            distributed.all_reduce(flat)
            flat /= self.num_processes
            for x, mean in zip(bucket, flat.split([x.numel() for x in bucket]), strict=True):
                x.copy_(mean.view(x.shape))

    def broadcast(self, tensors: Iterable[torch.Tensor]) -> None:
        """Replace tensors by those of the first process."""
        if self.num_processes > 1:
            for x in tensors:
                distributed.broadcast(x, 0)

    def broadcast_object(self, value: Any) -> Any:
        """The `value` of the first process: plain values or tensors."""
        if self.num_processes == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, 0, group=self._cpu_group)
        return values[0]

    def gather_objects(self, value: Any) -> list:
        """The values of all processes, by rank."""
        if self.num_processes == 1:
            return [value]
        values = [None] * self.num_processes
        distributed.all_gather_object(values, value, group=self._cpu_group)
        return values


def _buckets(tensors):
    """Consecutive tensors of at most BUCKET_BYTES as float32; a larger one is alone."""
    bucket, size = [], 0
    for x in tensors:
        if bucket and size + 4 * x.numel() > BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
        bucket.append(x)
        size += 4 * x.numel()
    if bucket:
        yield bucket


@contextlib.contextmanager
def translate_peer_failure() -> Iterator[None]:
    """Raise PeerLostError for the errors that torch raises when another process is gone."""
    try:
        yield
    except distributed.DistError as error:
        raise PeerLostError(str(error).splitlines()[0]) from error
    except RuntimeError as error:
        if any(word in str(error).lower() for word in ("gloo", "nccl", "closed by peer")):
            raise PeerLostError(str(error).splitlines()[0]) from error
        raise


def check_split(
    batch_size: int, num_processes: int, accumulate_steps: int, utts_per_speaker: int
) -> None:
    """Raise StepsError if a batch cannot be split into equal micro-batches of whole groups.

    >>> check_split(64, num_processes=2, accumulate_steps=2, utts_per_speaker=2)
    """
    num_micro_batches = num_processes * accumulate_steps
    if batch_size % (num_micro_batches * utts_per_speaker):
        groups = f" in groups of {utts_per_speaker} per speaker" if utts_per_speaker > 1 else ""
        raise StepsError(
            f"train: batch_size is {batch_size}; it cannot be split evenly over {num_processes}"
            f" processes with accumulate_steps {accumulate_steps}{groups}. Set it to a multiple of"
            f" {num_micro_batches * utts_per_speaker}."
        )
    if batch_size // num_micro_batches < 2:
        raise StepsError(
            f"train: batch_size {batch_size} gives {num_processes} processes with accumulate_steps"
            f" {accumulate_steps} one chunk at a time; batch norm needs two. Raise batch_size."
        )
