"""Prefetching of batches in loader processes."""

import errno
import itertools
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from steps_py.chunks.batches import _start_reader, read_ahead


def read_and_tell(folder):
    def read(step):
        (folder / str(os.getpid())).touch()
        return (np.full((2, 3, 1), step, np.float32), np.array([step, step]))

    return read


def consume(folder, num_workers):
    for _ in read_ahead(read_and_tell(folder), itertools.count(), num_workers, batch_bytes=24):
        time.sleep(0.01)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("num_workers", [0, 1, 2])
def test_batches_are_in_the_order_of_steps(tmp_path, num_workers):
    batches = read_ahead(read_and_tell(tmp_path), range(5, 25), num_workers, batch_bytes=24)
    assert [int(spk_id_B[0]) for _, spk_id_B in batches] == list(range(5, 25))
    assert len(list(tmp_path.iterdir())) == max(1, num_workers)


def test_batches_do_not_change_while_later_ones_are_read():
    def read(step):
        return np.full(1000, step), np.array(step)

    batches = list(read_ahead(read, range(40), num_workers=2, batch_bytes=9000))
    for step, (x, number) in enumerate(batches):
        assert x.shape == (1000,) and (x == step).all() and number == step


@pytest.mark.parametrize("free_bytes", [0, 2**30])
def test_batches_larger_than_estimated_are_passed_on(monkeypatch, free_bytes):
    monkeypatch.setattr("steps_py.chunks.batches._free_shared_memory", lambda: free_bytes)

    def read(step):
        return (np.full(5000 * (step % 3) + 1, step),)

    batches = read_ahead(read, range(12), num_workers=2, batch_bytes=24)
    for step, (x,) in enumerate(batches):
        assert len(x) == 5000 * (step % 3) + 1 and (x == step).all()


def test_batches_are_passed_on_without_shared_buffers(monkeypatch, tmp_path):
    def refused(num_buffers, num_bytes):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("steps_py.chunks.batches.SharedBuffers", refused)
    batches = read_ahead(read_and_tell(tmp_path), range(9), num_workers=2, batch_bytes=24)
    assert [int(spk_id_B[0]) for _, spk_id_B in batches] == list(range(9))


def test_loader_processes_end_with_a_killed_trainer(tmp_path):
    trainer = multiprocessing.get_context("fork").Process(target=consume, args=(tmp_path, 2))
    trainer.start()
    while len(list(tmp_path.iterdir())) < 2:
        assert trainer.is_alive()
        time.sleep(0.01)
    os.kill(trainer.pid, signal.SIGKILL)
    trainer.join()
    deadline = time.monotonic() + 120
    while any(is_alive(int(path.name)) for path in tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_loader_whose_trainer_died_before_its_start_ends_at_once():
    other_pid = os.getppid()
    reader = multiprocessing.get_context("fork").Process(target=_start_reader, args=(other_pid, 0))
    reader.start()
    reader.join()
    assert reader.exitcode == 1
