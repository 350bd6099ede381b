"""The processes of one training: who this one is, and what they tell each other.

A step's batch is that of all processes; each takes its part, and the gradients' mean is that
of one process with the whole batch.  The gradients are summed in the order of the parameters
and in the same pieces each time, so that a resumed training adds the same numbers in the same
order: bit for bit the same.
"""

import contextlib
import datetime
import os

import torch
from torch import distributed

from steps_py.errors import StepsError

PIECE_BYTES = 25_000_000  # summed at a time: a copy of this size is made
TIMEOUT = datetime.timedelta(minutes=30)  # reading may wait for a slow disk


class PeerLostError(Exception):
    """Another process of the training is gone; it says itself why."""


class Ranks:
    """This process among the processes of a training.

    >>> alone = Ranks()
    >>> alone.rank, alone.num_ranks, alone.leads
    (0, 1, True)
    """

    def __init__(self, rank=0, num_ranks=1, local_rank=0, num_local=1, job_threads=1):
        self.rank, self.num_ranks = rank, num_ranks
        self.job_threads = job_threads  # processors of the job on this machine
        self.local_rank, self.num_local = local_rank, num_local  # on this machine
        self._group = None  # for what lies on the CPU

    @classmethod
    def of_environment(cls, environ=os.environ, job_threads=1):
        """What torchrun told this process, or one process alone."""
        if "RANK" not in environ:
            return cls(job_threads=job_threads)
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        return cls(*(int(environ[name]) for name in names), job_threads=job_threads)

    @property
    def leads(self):
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    @contextlib.contextmanager
    def together(self, device):
        """Join the others: NCCL between GPUs, gloo between CPUs."""
        if self.num_ranks == 1:
            yield
            return
        with peers_may_die():
            backend = "gloo"
            if device.type == "cuda":
                backend = "nccl"
                torch.cuda.set_device(device)
            distributed.init_process_group(backend, timeout=TIMEOUT)
            self._group = distributed.new_group(backend="gloo") if backend == "nccl" else None
        try:
            yield
        except SystemExit:  # stopped by a signal, as the others are
            distributed.destroy_process_group()
            raise
        distributed.destroy_process_group()  # after an error the others may not answer

    def mean(self, gradients, extra):
        """Replace tensors, and the vector `extra`, by their means over all processes."""
        if self.num_ranks == 1:
            return
        for piece in _pieces([*gradients, extra]):
            flat = torch.cat([x.flatten().float() for x in piece])
            distributed.all_reduce(flat)
            flat /= self.num_ranks
            for x, part in zip(piece, flat.split([x.numel() for x in piece]), strict=True):
                x.copy_(part.view(x.shape))

    def copy_of_first(self, tensors):
        """Replace tensors by those of the first process."""
        if self.num_ranks > 1:
            for x in tensors:
                distributed.broadcast(x, 0)

    def told_by_first(self, value):
        """What the first process has as `value`, any plain value or tensors."""
        if self.num_ranks == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, 0, group=self._group)
        return box[0]

    def gather(self, value):
        """The values of all processes, in their order."""
        if self.num_ranks == 1:
            return [value]
        values = [None] * self.num_ranks
        distributed.all_gather_object(values, value, group=self._group)
        return values


def _pieces(tensors):
    """Runs of tensors of at most PIECE_BYTES as float32, or of one that is larger."""
    piece, size = [], 0
    for x in tensors:
        if piece and size + 4 * x.numel() > PIECE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(x)
        size += 4 * x.numel()
    if piece:
        yield piece


@contextlib.contextmanager
def peers_may_die():
    """Turn what torch raises then, anywhere, into PeerLostError."""
    try:
        yield
    except distributed.DistError as error:
        raise PeerLostError(str(error).splitlines()[0]) from error
    except RuntimeError as error:
        if any(word in str(error).lower() for word in ("gloo", "nccl", "closed by peer")):
            raise PeerLostError(str(error).splitlines()[0]) from error
        raise


def check_split(batch_size, num_ranks, accumulate_steps, utts_per_speaker):
    """StepsError if a batch cannot be split into equal parts that keep speakers together.

    >>> check_split(64, num_ranks=2, accumulate_steps=2, utts_per_speaker=2)
    """
    parts = num_ranks * accumulate_steps
    if batch_size % (parts * utts_per_speaker):
        together = f", the {utts_per_speaker} of a speaker together" if utts_per_speaker > 1 else ""
        raise StepsError(
            f"train: batch_size, {batch_size}, cannot be shared by {num_ranks} processes of"
            f" accumulate_steps {accumulate_steps}{together}. Make it a multiple of"
            f" {parts * utts_per_speaker}."
        )
    if batch_size // parts < 2:
        raise StepsError(
            f"train: batch_size {batch_size} leaves a part of one chunk to each of {num_ranks}"
            f" processes of accumulate_steps {accumulate_steps}; batch norm needs two. Raise it."
        )
