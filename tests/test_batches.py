"""Reading batches ahead in other processes."""

import itertools
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from steps_py.batches import _start_reader, read_ahead


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
def test_batches_come_in_the_order_of_their_steps(tmp_path, num_workers):
    batches = read_ahead(read_and_tell(tmp_path), range(5, 25), num_workers, batch_bytes=24)
    assert [int(spk_id_B[0]) for _, spk_id_B in batches] == list(range(5, 25))
    assert len(list(tmp_path.iterdir())) == max(1, num_workers)


def test_readers_end_with_a_trainer_that_is_killed(tmp_path):
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


def test_a_reader_whose_trainer_died_before_it_began_ends_at_once():
    other_pid = os.getppid()
    reader = multiprocessing.get_context("fork").Process(target=_start_reader, args=(other_pid, 0))
    reader.start()
    reader.join()
    assert reader.exitcode == 1
