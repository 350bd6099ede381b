"""Batches of features, read ahead by other processes.

Whoever reads a batch, it is the same batch: `steps_py.chunks.sampler` draws it from the step's
number.  An error in a reading process travels as a value and is raised at its batch's turn.

Array suffixes (scope: this module):
    B = chunks of a batch   T = frames   D = feature dimension
"""

import contextlib
import ctypes
import functools
import os
import signal
import sys

import numpy as np
import torch

from steps_py.chunks.host_features import VoicedFeatures
from steps_py.chunks.shared_buffers import Filled, Slots
from steps_py.errors import StepsError, TableError

PREFETCH_BATCHES = 4  # per process
CHOSEN_WORKERS, MAX_CHOSEN_WORKERS = 2, 8  # the most: of a GPU
SHARED_MEMORY = "/dev/shm"
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class BatchReader:
    """Reads the features of a `steps_py.chunks.sampler.Batch`."""

    def __init__(self, chunks, cmvn):
        self._features = VoicedFeatures(chunks.utts, chunks.feats, chunks.vad, cmvn)
        self._num_frames_U = chunks.num_frames_U
        self.feat_dim = self._features.feat_dim(0)
        other_U = self._features.matrices.num_cols_U != self.feat_dim
        if other_U.any():
            row = int(np.argmax(other_U))
            raise TableError(
                f"{chunks.utts[row]}: features of {self._features.feat_dim(row)} dimensions,"
                f" {chunks.utts[0]} has {self.feat_dim}. Use one conf for all of them."
            )

    def read(self, batch):
        """Float32 features (B, T, D) and int64 speakers (B,).

        Where the batch has chunks of several lengths, their int64 numbers of frames (B,) come
        third, and the features end in frames of zeros.
        """
        size, lengths_B = len(batch.rows_B), batch.num_frames_B
        shape = size, batch.num_frames, self.feat_dim
        x_BTD = (np.empty if lengths_B is None else np.zeros)(shape, np.float32)
        if lengths_B is None:
            lengths_B = np.full(size, batch.num_frames)
        chunks = zip(batch.rows_B, batch.first_B, lengths_B, strict=True)
        for b, (row, first, num_frames) in enumerate(chunks):
            x_BTD[b, :num_frames] = self._chunk(row, int(first), int(num_frames))
        if batch.num_frames_B is None:
            return x_BTD, batch.spk_id_B
        return x_BTD, batch.spk_id_B, batch.num_frames_B

    def chunk_bytes(self, num_frames):
        """What a chunk of so many frames takes."""
        return 4 * num_frames * self.feat_dim

    def decode(self, batch, device):
        """The batch as it was read: these are features already."""
        return batch

    def _chunk(self, row, first, num_frames):
        available = int(self._num_frames_U[row])
        if available >= num_frames:
            return self._features.read(row, first, num_frames)
        return self._features.read(row, 0, available)[(first + np.arange(num_frames)) % available]


def choose_num_workers(wanted, on_gpu, num_processors):
    """Processes that read ahead: `wanted`, or where that is None as many as a device needs.

    A GPU outruns two of them; one of this process's processors is left to itself.

    >>> choose_num_workers(None, on_gpu=False, num_processors=64)
    2
    >>> [choose_num_workers(None, on_gpu=True, num_processors=n) for n in (1, 2, 6, 64)]
    [2, 2, 5, 8]
    >>> choose_num_workers(0, on_gpu=True, num_processors=64)
    0
    """
    if wanted is not None or not on_gpu:
        return CHOSEN_WORKERS if wanted is None else wanted
    return min(max(CHOSEN_WORKERS, num_processors - 1), MAX_CHOSEN_WORKERS)


def read_ahead(read, steps, num_workers, batch_bytes, pin_memory=False):
    """Yield ``read(step)`` for each of `steps`, in order, as tensors.

    With `num_workers` 0 this process reads; otherwise that many others do, ahead.
    `batch_bytes` is the size of the largest batch, about: larger ones come through shared
    memory if it has the room, else through pipes, but slower.
    """
    in_flight, slots = num_workers * PREFETCH_BATCHES, None
    if num_workers:
        with contextlib.suppress(OSError):  # no such memory: as for larger batches
            # one more than are in flight: the one that is looked at
            slots = Slots(in_flight + 1, batch_bytes)
    loader = torch.utils.data.DataLoader(
        _Steps(read, slots, as_tensors=in_flight * batch_bytes < _free_shared_memory() / 2),
        batch_size=None,
        sampler=enumerate(steps),
        num_workers=num_workers,
        prefetch_factor=PREFETCH_BATCHES if num_workers else None,
        collate_fn=_as_it_is,
        pin_memory=pin_memory,
        worker_init_fn=functools.partial(_start_reader, os.getpid()),
        multiprocessing_context="fork" if num_workers else None,  # slots are inherited
        generator=torch.Generator(),  # the iterator draws a number: not from ours
    )
    for batch in loader:
        if isinstance(batch, Exception):
            raise batch
        if isinstance(batch, Filled):
            batch = batch.tensors()
        yield tuple(torch.as_tensor(part) for part in batch)


@contextlib.contextmanager
def readers_may_die():
    """Say in words that a reading process was killed; torch raises that anywhere."""
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:
        # a reader that dies while it hands a batch over shows as a broken connection first
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's own would raise once more
        raise StepsError(
            f"train: a process that reads batches died ({str(error).splitlines()[0]})."
            " Start the same command again to resume; if memory ran out, lower train.num_workers."
        ) from None


class _Steps(torch.utils.data.Dataset):
    def __init__(self, read, slots, as_tensors):
        self._read, self._slots, self._as_tensors = read, slots, as_tensors

    def __getitem__(self, numbered_step):
        number, step = numbered_step
        try:
            batch = self._read(step)
        except (StepsError, OSError) as error:
            return error
        if self._slots is not None:
            # who had this slot before is done with it: as many later ones are in flight
            filled = self._slots.fill(number % self._slots.num_slots, batch)
            if filled:
                return filled
        return tuple(map(torch.from_numpy, batch)) if self._as_tensors else batch


def _as_it_is(batch):
    return batch


def _start_reader(trainer_pid, worker):
    """Leave signals to the trainer, and end with it, even if it is killed.

    A scheduler signals the whole job; the trainer decides when its readers end.  torch's
    own watch over the parent never ends if the parent died before the watch began.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != trainer_pid:
        os._exit(1)


def _free_shared_memory():
    try:
        disk = os.statvfs(SHARED_MEMORY)
    except OSError:
        return 0
    return disk.f_bavail * disk.f_frsize
