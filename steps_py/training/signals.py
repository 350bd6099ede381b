"""Signals that stop a training with a checkpoint, and the exit codes that report them."""

import contextlib
import signal
from collections.abc import Iterator

EXIT_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}


@contextlib.contextmanager
def stop_signals(second_kills: bool = True) -> Iterator[list[signal.Signals]]:
    """Context that collects SIGTERM and SIGINT in a list instead of ending the process.

    With `second_kills` the previous handlers are restored after the first signal.
    """
    received, previous = [], {}

    def receive(number, frame):
        received.append(signal.Signals(number))
        if second_kills:
            for each, handler in previous.items():
                signal.signal(each, handler)

    for number in EXIT_CODES:
        previous[number] = signal.signal(number, receive)
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
