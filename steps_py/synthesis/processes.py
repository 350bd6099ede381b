"""Runs each job in a new process, for libraries with hidden state."""

import multiprocessing
import os
from multiprocessing import connection


def run_each(function, jobs, num_processes: int | None = None) -> None:
    """Call ``function(job)`` for every job, each in a fresh process; raise the first error.

    At most `num_processes` run at a time (default: the processors this process may
    use).  If this process is killed, running jobs finish and no process
    remains.
    """
    num_processes = num_processes or len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("fork")
    waiting, running = list(reversed(jobs)), {}
    try:
        while waiting or running:
            while waiting and len(running) < num_processes:
                reader, process = _start(context, function, waiting.pop())
                running[reader] = process
            for reader in connection.wait(list(running)):
                process = running.pop(reader)
                _finish(reader, process)
    finally:
        for process in running.values():
            process.terminate()
            process.join()


def _start(context, function, job):
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(writer, function, job), daemon=True)
    process.start()
    writer.close()
    return reader, process


def _run(writer, function, job):
    try:
        function(job)
    except Exception as error:
        writer.send(error)
    else:
        writer.send(None)


def _finish(reader, process):
    try:
        error = reader.recv()
    except EOFError:  # killed, or crashed in a C library
        error = None
    reader.close()
    process.join()
    if error is not None:
        raise error
    if process.exitcode != 0:
        raise RuntimeError(f"a process ended with code {process.exitcode} (negative: a signal)")
