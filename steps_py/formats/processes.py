"""Shell commands at the other end of a pipe."""

import contextlib
import io
import os
import subprocess
import sys
import threading

from steps_py.errors import MissingProgramError, TableError
from steps_py.formats.log import strict

PIPE = subprocess.PIPE
_SIGPIPE_CODES = (-13, 141)  # how a shell and a program say that nobody read on
_NO_PROGRAM_CODES = (126, 127)  # of a shell: cannot be run, is not there


class Process:
    """A shell command at the other end of a pipe; its messages pass through, the last is kept.

    Strict mode runs bash with pipefail: a failing decoder in front of another command
    counts.  Otherwise it is /bin/sh, as in Kaldi.
    """

    def __init__(self, command, **ends):
        self.command = command.strip()
        self._pipefail = strict() and os.path.exists("/bin/bash")
        pipefail = ["/bin/bash", "-o", "pipefail", "-c"]
        shell = pipefail if self._pipefail else ["/bin/sh", "-c"]
        sys.stdout.flush()
        try:
            ends["stderr"] = PIPE
            self.popen = subprocess.Popen([*shell, command], bufsize=0, **ends)
        except (OSError, ValueError) as error:
            raise TableError(f"'{self.command}': cannot run: {error}.") from None
        self._last_words = ""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self):
        for line in io.BufferedReader(self.popen.stderr):
            with contextlib.suppress(OSError):  # who shut our stderr wants no messages
                os.write(2, line)
            self._last_words = line.decode(errors="replace").strip() or self._last_words

    def has_ended(self, wait_sec=0):
        """Is the command done, now or within so many seconds?"""
        try:
            return self.popen.wait(timeout=wait_sec) is not None
        except subprocess.TimeoutExpired:
            return False

    def finish(self, complete, quiet=False):
        """Wait; fail if the command did.  If not `complete`, it may have died of our leaving."""
        if quiet:
            return
        code = self.popen.wait()
        self._listener.join(timeout=1)  # a grandchild may hold it open
        if code == 0 or (code in _SIGPIPE_CODES and (self._pipefail or not complete)):
            return
        said = f"; its last words: {self._last_words}" if self._last_words else ""
        how = f"exit status {code}" if code > 0 else f"signal {-code}"
        if code in _NO_PROGRAM_CODES:
            raise MissingProgramError(f"'{self.command}': program not found ({how}{said}).")
        raise TableError(f"'{self.command}': the command failed with {how}{said}.")
