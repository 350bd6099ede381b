"""Shared memory for passing batches from loader processes to the training process.

Allocating shared memory for every batch costs more than reading does: the system zeroes it page
by page, and each array needs its own file descriptor.  These buffers are allocated once, before
the loaders are forked, and reused.

Array suffixes (scope: this module):
    K = buffers   N = bytes
"""

import dataclasses
import itertools
import math
import mmap
import weakref
from collections.abc import Sequence

import numpy as np
import torch

_ALIGNMENT = 64  # bytes; suits any dtype
_instances = weakref.WeakValueDictionary()  # id -> SharedBuffers of this process
_ids = itertools.count()


class SharedBuffers:
    """`num_buffers` buffers of `num_bytes` each, shared with processes that are forked later."""

    def __init__(self, num_buffers: int, num_bytes: int):
        self.num_buffers = num_buffers
        self.num_bytes = -(-num_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
        # pages take no memory before they are first written
        memory = mmap.mmap(-1, num_buffers * self.num_bytes)
        self._memory_KN = np.frombuffer(memory, np.uint8).reshape(num_buffers, self.num_bytes)
        self._id = next(_ids)
        _instances[self._id] = self

    def fill(self, buffer: int, arrays: Sequence[np.ndarray]) -> "FilledBuffer | None":
        """Copy arrays into a buffer; returns None if they do not fit."""
        layout, end = [], 0
        for array in arrays:
            layout.append((end, torch.from_numpy(array.reshape(-1)[:0]).dtype, array.shape))
            end += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
        if end > self.num_bytes:
            return None
        for (start, _, _), array in zip(layout, arrays, strict=True):
            target_N = self._memory_KN[buffer, start : start + array.nbytes]
            target_N.view(array.dtype).reshape(array.shape)[...] = array
        return FilledBuffer(self._id, buffer, end, layout)

    def copy(self, filled: "FilledBuffer", pinned: bool = False) -> tuple[torch.Tensor, ...]:
        """Copies of the arrays as tensors; the buffer can be reused afterwards."""
        copy_N = torch.empty(filled.num_bytes, dtype=torch.uint8, pin_memory=pinned)
        copy_N.copy_(torch.from_numpy(self._memory_KN[filled.buffer, : filled.num_bytes]))
        # views of one tensor, which stays pinned until the device has copied all of them
        return tuple(
            copy_N[start : start + math.prod(shape) * dtype.itemsize].view(dtype).view(shape)
            for start, dtype, shape in filled.layout
        )


@dataclasses.dataclass(frozen=True)
class FilledBuffer:
    """Describes the content of a buffer; sent to the training process instead of the arrays."""

    buffers_id: int
    buffer: int
    num_bytes: int
    layout: list  # first byte, torch dtype and shape of each array

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Copies of the arrays."""
        return _instances[self.buffers_id].copy(self)

    def pin_memory(self) -> tuple[torch.Tensor, ...]:
        """Copies of the arrays in pinned memory; called by the DataLoader's pinning thread."""
        return _instances[self.buffers_id].copy(self, pinned=True)
