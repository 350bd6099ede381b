"""Simulate the jobs: list scheduling on a number of slots and GPUs, with the disk space in use."""

import dataclasses
import heapq

from steps_py.plan.jobs import order, waits_for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One job with its expected time and sizes."""

    job: object
    seconds: float
    bytes: dict  # of each output
    input_bytes: float = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timeline:
    """The result of a simulation."""

    seconds: float
    slots: int  # most in use at one time
    peak_bytes: float


def schedule(steps, temporary, slots, gpus):
    """Start the jobs that are ready and fit, the one with the longest path to the end first.

    A job that requests more slots or GPUs than there are gets all of them, as with cores of
    Snakemake. Outputs occupy disk space from the start of their job; a temporary one until the end
    of the last job that reads it.

    >>> from steps_py.plan.jobs import Job
    >>> steps = [Step(job=Job(rule="a", number=n), seconds=10, bytes={}) for n in range(3)]
    >>> [schedule(steps, set(), slots, gpus=0).seconds for slots in (1, 2, 3, 9)]
    [30, 20, 10, 10]
    """
    waits = waits_for([step.job for step in steps])
    disk = _Disk(steps, temporary)
    left = [len(places) for places in waits]
    readers = [[] for _ in steps]
    for place, places in enumerate(waits):
        for before in places:
            readers[before].append(place)
    way = _ways(steps, readers)
    ready = [(-way[place], place) for place, number in enumerate(left) if number == 0]
    heapq.heapify(ready)
    running, now, free, free_gpus, most = [], 0, slots, gpus, 0
    while ready or running:
        waiting = []
        while ready and free:
            entry = heapq.heappop(ready)
            job = steps[entry[1]].job
            needs, needs_gpus = min(job.threads, slots), min(job.gpus, gpus)
            if needs > free or needs_gpus > free_gpus:
                waiting.append(entry)
                continue
            free, free_gpus = free - needs, free_gpus - needs_gpus
            disk.start(entry[1])
            end = now + steps[entry[1]].seconds
            heapq.heappush(running, (end, entry[1], needs, needs_gpus))
        for entry in waiting:
            heapq.heappush(ready, entry)
        most = max(most, slots - free)
        now, place, needs, needs_gpus = heapq.heappop(running)
        free, free_gpus = free + needs, free_gpus + needs_gpus
        disk.end(place)
        for reader in readers[place]:
            left[reader] -= 1
            if left[reader] == 0:
                heapq.heappush(ready, (-way[reader], reader))
    return Timeline(seconds=now, slots=most, peak_bytes=disk.peak)


def _ways(steps, readers):
    """Seconds from the start of each job to the end of the last that needs it."""
    way = [0.0] * len(steps)
    for place in order(readers):
        way[place] = steps[place].seconds + max((way[r] for r in readers[place]), default=0)
    return way


class _Disk:
    """Disk space in use, as jobs start and end."""

    def __init__(self, steps, temporary):
        self.steps, self.held, self.peak = steps, 0, 0
        self.size = {path: size for step in steps for path, size in step.bytes.items()}
        self.readers = dict.fromkeys(temporary, 0)
        for step in steps:
            for path in step.job.inputs:
                if path in self.readers:
                    self.readers[path] += 1

    def start(self, place):
        self.held += sum(self.steps[place].bytes.values())
        self.peak = max(self.peak, self.held)

    def end(self, place):
        for path in self.steps[place].job.inputs:
            if path in self.readers:
                self.readers[path] -= 1
                if self.readers[path] == 0:
                    self.held -= self.size.get(path, 0)
