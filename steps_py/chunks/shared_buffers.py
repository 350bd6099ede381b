"""Memory through which reading processes hand their batches to the one that trains.

Memory that is made for every batch costs more than reading does: the system fills it with
zeros page by page, and each array goes over by a file descriptor of its own.  Slots are made
once, before the readers are forked, and are filled over and over.

Array suffixes (scope: this module):
    S = slots   N = bytes
"""

import dataclasses
import itertools
import math
import mmap
import weakref

import numpy as np
import torch

_ALIGNMENT = 64  # bytes: any number may lie there
_slots_of_this_process = weakref.WeakValueDictionary()
_numbers = itertools.count()


class Slots:
    """`num_slots` pieces of `num_bytes` each, seen by this process and by those forked later."""

    def __init__(self, num_slots, num_bytes):
        self.num_slots = num_slots
        self.num_bytes = -(-num_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
        # pages that no batch has reached yet take no memory
        memory = mmap.mmap(-1, num_slots * self.num_bytes)
        self._memory_SN = np.frombuffer(memory, np.uint8).reshape(num_slots, self.num_bytes)
        self._number = next(_numbers)
        _slots_of_this_process[self._number] = self

    def fill(self, slot, arrays):
        """Put arrays into a slot: the Filled to be sent, or None if they have no room there."""
        layout, end = [], 0
        for array in arrays:
            layout.append((end, torch.from_numpy(array.reshape(-1)[:0]).dtype, array.shape))
            end += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
        if end > self.num_bytes:
            return None
        for (start, _, _), array in zip(layout, arrays, strict=True):
            place_N = self._memory_SN[slot, start : start + array.nbytes]
            place_N.view(array.dtype).reshape(array.shape)[...] = array
        return Filled(self._number, slot, end, layout)

    def copy(self, filled, pinned=False):
        """The arrays of a Filled as tensors, in memory of their own: the slot is free again."""
        copy_N = torch.empty(filled.num_bytes, dtype=torch.uint8, pin_memory=pinned)
        copy_N.copy_(torch.from_numpy(self._memory_SN[filled.slot, : filled.num_bytes]))
        # parts of one tensor: what is pinned stays so until the device has copied all of them
        return tuple(
            copy_N[start : start + math.prod(shape) * dtype.itemsize].view(dtype).view(shape)
            for start, dtype, shape in filled.layout
        )


@dataclasses.dataclass(frozen=True)
class Filled:
    """What is in a slot; goes to the trainer in place of it."""

    slots: int  # their number
    slot: int
    num_bytes: int
    layout: list  # of each array: its first byte, dtype as torch's, and shape

    def tensors(self):
        return _slots_of_this_process[self.slots].copy(self)

    def pin_memory(self):
        """As `tensors`; what torch's thread that pins batches calls."""
        return _slots_of_this_process[self.slots].copy(self, pinned=True)
