"""One thread that computes for all clients: recordings of similar length in one batch.

It alone uses the system and the gallery, so neither needs a lock.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from steps_py.audio.wave import Wave
from steps_py.serve.refusal import Refused
from steps_py.system.system import BATCH_RECORDINGS
from steps_py.system.voice import Voice

SIMILAR = 1.5  # ratio of the lengths of a batch
BATCH_SEC = 60.0  # of all recordings of a batch: the first waits for the last

NamedWave = tuple[Wave, str]


@dataclass(eq=False)
class Job:
    """Recordings of one request, and what is done with their voices."""

    named: list[NamedWave]
    finish: Callable[[list[Voice]], Any]
    answer: Future = field(default_factory=Future)

    @property
    def longest_sec(self) -> float:
        """Of the recordings; 0 for none."""
        return max((wave.duration_sec for wave, _ in self.named), default=0.0)

    @property
    def total_sec(self) -> float:
        """Of all recordings."""
        return sum(wave.duration_sec for wave, _ in self.named)


def similar_jobs(waiting: list[Job]) -> list[Job]:
    """The job that waits longest, and others of similar length that are computed with it.

    >>> import numpy as np
    >>> lengths = [3, 100, 4, 2.5, 5]
    >>> jobs = [Job([(Wave(10, np.ones((1, int(10 * s)))), "")], len) for s in lengths]
    >>> [job.longest_sec for job in similar_jobs(jobs)]
    [3.0, 4.0, 2.5]
    """
    first = waiting[0]
    batch, count, seconds = [first], len(first.named), first.total_sec
    for job in waiting[1:]:
        low, high = sorted((first.longest_sec, job.longest_sec))
        if not low or high > SIMILAR * low:
            continue
        count, seconds = count + len(job.named), seconds + job.total_sec
        if count > BATCH_RECORDINGS or seconds > BATCH_SEC:
            break
        batch.append(job)
    return batch


class Worker:
    """The thread; `voices_of` computes the voices of a list of recordings."""

    def __init__(
        self,
        voices_of: Callable[[list[NamedWave]], list[Voice]],
        max_waiting: int,
        on_batch: Callable[[list[Job]], None] = lambda jobs: None,
    ):
        self._voices_of, self._max_waiting, self._on_batch = voices_of, max_waiting, on_batch
        self._waiting: list[Job] = []
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="sidewinder worker", daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """Requests that the thread has not taken yet."""
        return len(self._waiting)

    async def do(self, named: list[NamedWave], finish: Callable[[list[Voice]], Any]) -> Any:
        """``finish(voices)`` of recordings, computed in the thread; Refused, 429, if many wait."""
        job = Job(named, finish)
        with self._changed:
            if len(self._waiting) >= self._max_waiting:
                raise Refused(429, "too many requests wait. Try again in a second.")
            self._waiting.append(job)
            self._changed.notify()
        return await asyncio.wrap_future(job.answer)

    def stop(self) -> None:
        """End the thread, after the jobs that wait."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self):
        while jobs := self._taken():
            jobs = [job for job in jobs if job.answer.set_running_or_notify_cancel()]
            if jobs:
                self._on_batch(jobs)
                self._compute(jobs)

    def _taken(self):
        """The next batch; [] at the end."""
        with self._changed:
            while not self._waiting and not self._is_stopping:
                self._changed.wait()
            if not self._waiting:
                return []
            batch = similar_jobs(self._waiting)
            self._waiting = [job for job in self._waiting if job not in batch]
            return batch

    def _compute(self, jobs):
        try:
            voices = self._voices_of([named for job in jobs for named in job.named])
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].answer.set_exception(error)
                return
            for job in jobs:  # one of them has a fault, the others do not
                self._compute([job])
            return
        for job in jobs:
            own, voices = voices[: len(job.named)], voices[len(job.named) :]
            try:
                job.answer.set_result(job.finish(own))
            except Exception as error:
                job.answer.set_exception(error)
