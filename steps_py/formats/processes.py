"""Shell commands at the other end of a pipe."""

import contextlib
import io
import os
import re
import subprocess
import sys
import threading

from steps_py.errors import MissingProgramError, TableError
from steps_py.formats.log import strict, warn

PIPE = subprocess.PIPE
_SIGPIPE_CODES = (-13, 141)  # exit statuses of a program and of a shell after SIGPIPE
_NO_PROGRAM_CODES = (126, 127)  # exit statuses of a shell: cannot be run, not found
_NOT_FOUND = re.compile(  # messages of shells: the program, and why it was not run
    rb"\S*sh: (?:line )?\d+: (?!cannot open|cannot create)(.+?): ((?:command )?not found"
    rb"|No such file or directory|Permission denied|Is a directory|.*[Ee]xec.*)"
)
INSTALL = {  # program -> where it comes from
    "ffmpeg": "the package ffmpeg",
    "flac": "the package flac",
    "gunzip": "the package gzip",
    "lame": "the package lame",
    "mpg123": "the package mpg123",
    "oggdec": "the package vorbis-tools",
    "opusdec": "the package opus-tools",
    "sox": "the package sox",
    "sph2pipe": "sph2pipe (https://www.openslr.org/3/)",
    "zstd": "the package zstd",
}


class Process:
    """A shell command at the other end of a pipe; its stderr is passed on, the last line is kept.

    In strict mode the shell is bash with pipefail, so that a failure of any command in the pipe
    counts. Otherwise it is /bin/sh, as in Kaldi.
    """

    def __init__(self, command: str, **ends):
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
        self._last_line = ""  # of stderr
        self._not_run = None  # (program, reason) by the message of a shell
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self):
        for line in io.BufferedReader(self.popen.stderr):
            with contextlib.suppress(OSError):  # stderr may be closed
                os.write(2, line)
            self._last_line = line.decode(errors="replace").strip() or self._last_line
            if match := _NOT_FOUND.match(line):
                self._not_run = match[1].decode(errors="replace"), match[2].decode()

    def has_ended(self, wait_sec: float = 0) -> bool:
        """Whether the command ends within `wait_sec`."""
        try:
            return self.popen.wait(timeout=wait_sec) is not None
        except subprocess.TimeoutExpired:
            return False

    def finish(self, complete: bool, quiet: bool = False, tolerant: bool = False) -> None:
        """Wait; TableError if the command failed. If not `complete`, SIGPIPE is no failure.

        If `tolerant`, a failure is a warning, as in Kaldi, unless the program was not found.
        """
        if quiet:
            return
        code = self.popen.wait()
        self._listener.join(timeout=1)  # a grandchild may hold it open
        if code == 0 or (code in _SIGPIPE_CODES and (self._pipefail or not complete)):
            return
        if code in _NO_PROGRAM_CODES:
            raise self._no_program(f"exit status {code}")
        last = f"; its last message: {self._last_line}" if self._last_line else ""
        how = f"exit status {code}" if code > 0 else f"signal {-code}"
        message = f"'{self.command}': the command failed with {how}{last}."
        if not tolerant:
            raise TableError(message)
        warn(message)

    def blame(self) -> None:
        """Raise if the command failed, or a program of its pipeline was not found."""
        self.finish(complete=True)
        if self._not_run and "not found" in self._not_run[1]:
            raise self._no_program("its output is not what it should be")

    def _no_program(self, how):
        """The error that names the program that could not be run, and its package."""
        path, reason = self._not_run or (self.command.split()[0], "not found")
        name = os.path.basename(path)
        is_there = "not found" not in reason and "No such file" not in reason
        fault, cure = "not found", f"Install {INSTALL.get(name, name)}"
        if is_there:
            fault, cure = f"cannot be run: {reason}", f"Make {path} an executable program"
        return MissingProgramError(
            f"'{self.command}': program {path} {fault} ({how}). {cure}, or correct the command."
        )
