"""Messages in Kaldi's style on stderr, and the counts of processed and failed items.

Exit status: Kaldi's commands exit with 0 if at least one item was processed. In strict mode a
command exits with 1 if an item failed, because utterances that are lost without an error change
the results of a recipe.
"""

import os
import sys

from steps_py.errors import some

_state = {"command": "steps_py.kaldi", "strict": None, "verbose": 0}


def start(command: str, verbose: int = 0, strict: bool | None = None) -> None:
    """Set the command's name for messages; with `strict` None, SIDEWINDER_STRICT decides."""
    _state.update(command=command, verbose=verbose, strict=strict)


def strict():
    """True if lost items are an error: --strict, else the variable SIDEWINDER_STRICT.

    >>> start("copy-feats", strict=True)
    >>> strict()
    True
    """
    if _state["strict"] is not None:
        return _state["strict"]
    return os.environ.get("SIDEWINDER_STRICT", "").lower() in ("1", "t", "true", "yes")


def log(message: str) -> None:
    """LOG (compute-vad[sidewinder]:main()) message"""
    _write("LOG", message)


def warn(message: str) -> None:
    """WARNING (compute-vad[sidewinder]:main()) message"""
    _write("WARNING", message)


def error(message: str) -> None:
    """ERROR (compute-vad[sidewinder]:main()) message; does not exit."""
    _write("ERROR", message)


def verbose(level: int, message: str) -> None:
    """VLOG[level] (...) message, if --verbose is at least `level`."""
    if _state["verbose"] >= level:
        _write(f"VLOG[{level}]", message)


def _write(kind, message):
    sys.stdout.flush()
    print(f"{kind} ({_state['command']}[sidewinder]:main()) {message}", file=sys.stderr, flush=True)


class Tally:
    """Counts of the items that a command has processed, lost, and dropped on purpose.

    >>> tally = Tally()
    >>> tally.done()
    >>> tally.dropped("utt2", "no voiced frames")    # the command's purpose: never an error
    >>> tally.num_done, tally.num_lost, tally.num_dropped
    (1, 0, 1)
    >>> tally.exit_code()
    0
    """

    def __init__(self):
        self.num_done = 0
        self.num_dropped = 0
        self._lost_keys = []

    @property
    def num_lost(self) -> int:
        return len(self._lost_keys)

    @property
    def num_seen(self):
        return self.num_done + self.num_dropped + self.num_lost

    def done(self) -> None:
        self.num_done += 1

    def lost(self, key: str, why: str) -> None:
        """Count an item that could not be processed: a warning, and a failure if strict."""
        self._lost_keys.append(key)
        warn(f"{key}: {why}")

    def dropped(self, key: str, why: str) -> None:
        """Count an item that the command removes on purpose."""
        self.num_dropped += 1
        verbose(1, f"{key}: {why}")

    def exit_code(self, none_done: int = 1):
        """0; `none_done` if no item was processed; 1 if strict and an item was lost."""
        if self._lost_keys and strict():
            error(
                f"lost {self.num_lost} of {self.num_seen} items: {some(self._lost_keys)}."
                " See the warnings above; --strict=false keeps the rest."
            )
            return 1
        return 0 if self.num_done else none_done
