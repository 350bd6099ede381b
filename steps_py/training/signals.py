"""The signals that stop a training at a checkpoint, and the exit codes that report them."""

import contextlib
import signal

EXIT_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}


@contextlib.contextmanager
def stop_signals(again=True):
    """A list that SIGTERM and SIGINT are put into; with `again` the second one acts as ever."""
    received, previous = [], {}

    def receive(number, frame):
        received.append(signal.Signals(number))
        if again:
            for each, handler in previous.items():
                signal.signal(each, handler)

    for number in EXIT_CODES:
        previous[number] = signal.signal(number, receive)
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
