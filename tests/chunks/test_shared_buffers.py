"""Passing batches in shared memory."""

import multiprocessing

import numpy as np
import pytest
import torch
from torch.utils.data._utils.pin_memory import pin_memory

from steps_py.chunks.shared_buffers import FilledBuffer, SharedBuffers

ARRAYS = (
    np.arange(5, dtype=np.uint8),
    np.array(7),
    np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::2],
    np.zeros((0, 4), np.float32),
    np.arange(3, dtype=np.int32),
    np.array([True, False]),
)


def assert_same(tensors, arrays):
    assert len(tensors) == len(arrays)
    for tensor, array in zip(tensors, arrays, strict=True):
        assert (tensor.numpy().dtype, tuple(tensor.shape)) == (array.dtype, array.shape)
        assert np.array_equal(tensor.numpy(), array)


def test_arrays_are_passed_on_unchanged():
    buffers = SharedBuffers(3, 1000)
    assert_same(buffers.fill(2, ARRAYS).tensors(), ARRAYS)


def test_another_process_can_fill_a_buffer():
    buffers = SharedBuffers(2, 1000)
    fork = multiprocessing.get_context("fork")
    queue = fork.SimpleQueue()
    reader = fork.Process(target=lambda: queue.put(buffers.fill(1, ARRAYS)))
    reader.start()
    filled = queue.get()
    reader.join()
    assert_same(filled.tensors(), ARRAYS)


def test_copies_do_not_change_when_the_buffer_is_filled_again():
    buffers = SharedBuffers(1, 1000)
    (first,) = buffers.fill(0, [np.array([1, 2])]).tensors()
    (second,) = buffers.fill(0, [np.array([3, 4])]).tensors()
    assert (first.tolist(), second.tolist()) == ([1, 2], [3, 4])


def test_a_buffer_takes_arrays_up_to_its_size():
    buffers = SharedBuffers(1, 8192)
    assert buffers.fill(0, [np.zeros(8192, np.uint8)])
    assert buffers.fill(0, [np.zeros(8193, np.uint8)]) is None
    assert buffers.fill(0, [np.zeros(8192, np.uint8), np.zeros(1, np.uint8)]) is None


@pytest.mark.parametrize("pinned", [False, True])
def test_all_tensors_share_the_memory_that_torch_pins(monkeypatch, pinned):
    """Copies on the device keep that memory alive through any of its views."""
    made, empty = [], torch.empty

    def without_gpu(*size, pin_memory, **options):
        made.append(pin_memory)
        return empty(*size, **options)

    buffers = SharedBuffers(1, 1000)
    filled = buffers.fill(0, ARRAYS)
    monkeypatch.setattr(torch, "empty", without_gpu)
    tensors = pin_memory([filled])[0] if pinned else FilledBuffer.tensors(filled)
    assert made == [pinned]
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == 1
