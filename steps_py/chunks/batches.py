"""Batches of features, prefetched by loader processes.

A batch does not depend on the process that reads it: `steps_py.chunks.sampler` draws it from the
number of the step.  An error in a loader process is passed on as a value and raised when its
batch is due.

Array suffixes (scope: this module):
    B = chunks of a batch   T = frames   D = feature dimension
"""

import contextlib
import ctypes
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.host_features import VoicedFeatures
from steps_py.chunks.sampler import Batch
from steps_py.chunks.shared_buffers import FilledBuffer, SharedBuffers
from steps_py.errors import StepsError, TableError
from steps_py.feats.config import CmvnConfig

PREFETCH_BATCHES = 4  # per loader process
DEFAULT_WORKERS, MAX_DEFAULT_WORKERS = 2, 8  # the maximum applies to a GPU
SHARED_MEMORY = "/dev/shm"
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class FeatureReader:
    """Reads the features of a `steps_py.chunks.sampler.Batch` from archives, on the host.

    Raises TableError if utterances differ in dimension, or an archive cannot be read.
    """

    def __init__(self, chunks: Chunks, cmvn: CmvnConfig):
        self._features = VoicedFeatures(chunks.utts, chunks.feats, chunks.vad, cmvn)
        self._num_frames_U = chunks.num_frames_U
        self.feat_dim = self._features.feat_dim(0)
        other_U = self._features.matrices.num_cols_U != self.feat_dim
        if other_U.any():
            row = int(np.argmax(other_U))
            raise TableError(
                f"{chunks.utts[row]}: its features have {self._features.feat_dim(row)} dimensions,"
                f" but those of {chunks.utts[0]} have {self.feat_dim}. Compute all of them with"
                " the same conf."
            )

    def read(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Float32 features (B, T, D) and int64 speakers (B,).

        If the chunks have several lengths, their int64 numbers of frames (B,) are third, and
        features are padded with zeros.
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

    def chunk_bytes(self, num_frames: int) -> int:
        """Bytes of a chunk of `num_frames` frames."""
        return 4 * num_frames * self.feat_dim

    def decode(
        self, batch: tuple[torch.Tensor, ...], device: torch.device
    ) -> tuple[torch.Tensor, ...]:
        """The batch unchanged: `read` returns features."""
        return batch

    def _chunk(self, row, first, num_frames):
        available = int(self._num_frames_U[row])
        if first + num_frames <= available:
            return self._features.read(row, first, num_frames, is_chunk=True)
        x_TD = self._features.read(row, 0, available, is_chunk=True)
        return x_TD[(first + np.arange(num_frames)) % available]


def choose_num_workers(wanted: int | None, on_gpu: bool, num_processors: int) -> int:
    """Number of loader processes: `wanted`, or for None a default for the device.

    A GPU needs more than two; one processor is reserved for the training process.

    >>> choose_num_workers(None, on_gpu=False, num_processors=64)
    2
    >>> [choose_num_workers(None, on_gpu=True, num_processors=n) for n in (1, 2, 6, 64)]
    [2, 2, 5, 8]
    >>> choose_num_workers(0, on_gpu=True, num_processors=64)
    0
    """
    if wanted is not None or not on_gpu:
        return DEFAULT_WORKERS if wanted is None else wanted
    return min(max(DEFAULT_WORKERS, num_processors - 1), MAX_DEFAULT_WORKERS)


def read_ahead(
    read: Callable[[int], tuple[np.ndarray, ...]],
    steps: Iterable[int],
    num_workers: int,
    batch_bytes: int,
    pin_memory: bool = False,
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield ``read(step)`` for each of `steps`, in order, as tensors.

    With `num_workers` 0 this process reads; otherwise that many loader processes prefetch.
    `batch_bytes` is the estimated size of the largest batch.  Larger batches do not fit the
    shared buffers and are sent through torch's shared memory, or through pipes if that is full;
    both are slower.
    """
    in_flight, buffers = num_workers * PREFETCH_BATCHES, None
    if num_workers:
        with contextlib.suppress(OSError):  # without such memory, as for larger batches
            # one more than are in flight, for the batch in use
            buffers = SharedBuffers(in_flight + 1, batch_bytes)
    loader = torch.utils.data.DataLoader(
        _Steps(read, buffers, as_tensors=in_flight * batch_bytes < _free_shared_memory() / 2),
        batch_size=None,
        sampler=enumerate(steps),
        num_workers=num_workers,
        prefetch_factor=PREFETCH_BATCHES if num_workers else None,
        collate_fn=_identity,
        pin_memory=pin_memory,
        worker_init_fn=functools.partial(_start_reader, os.getpid()),
        multiprocessing_context="fork" if num_workers else None,  # buffers are inherited
        generator=torch.Generator(),  # the iterator draws a number; keep the global state
    )
    for batch in loader:
        if isinstance(batch, Exception):
            raise batch
        if isinstance(batch, FilledBuffer):
            batch = batch.tensors()
        yield tuple(map(torch.as_tensor, batch))


@contextlib.contextmanager
def translate_loader_failure() -> Iterator[None]:
    """Raise StepsError if a loader process was killed; torch raises its error anywhere."""
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:
        # a loader that dies while it sends a batch first shows as a broken connection
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler would raise again
        raise StepsError(
            f"train: a loader process died ({str(error).splitlines()[0]}). Run the same command"
            " again to resume; if memory ran out, lower train.num_workers."
        ) from None


class _Steps(torch.utils.data.Dataset):
    def __init__(self, read, buffers, as_tensors):
        self._read, self._buffers, self._as_tensors = read, buffers, as_tensors

    def __getitem__(self, numbered_step):
        number, step = numbered_step
        try:
            batch = self._read(step)
        except (StepsError, OSError) as error:
            return error
        if self._buffers is not None:
            # free again: the batch that was in it is older than all that are in flight
            filled = self._buffers.fill(number % self._buffers.num_buffers, batch)
            if filled:
                return filled
        return tuple(map(torch.from_numpy, batch)) if self._as_tensors else batch


def _identity(batch):
    return batch


def _start_reader(trainer_pid, worker):
    """Ignore stop signals, and let the kernel kill this process when the trainer ends.

    A scheduler signals the whole job, but loaders must run until the trainer stops them.
    torch's own check of the parent never ends if the parent died before the check started.
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
