"""Kaldi's extended filenames for reading: a file, ``-``, ``command |``, ``file:offset``.

Source: src/util/kaldi-io.cc. One difference is intended: in strict mode, a command that fails is an
error, not a warning.
"""

import io
import os
import re
import stat

from steps_py.errors import StepsError, TableError
from steps_py.formats.compression import LONGEST, compression_of
from steps_py.formats.log import strict
from steps_py.formats.specifiers import is_rspecifier, is_wspecifier, shortened

_CHUNK_BYTES = 1 << 16
_BIG_CHUNK_BYTES = 1 << 23
_LONGEST_KEY = 1 << 16
_OFFSET = re.compile(r"(?P<path>.*):(?P<offset>\d{1,18})", re.DOTALL)
_WORD = re.compile(rb"[ \t\n\r\f\v]*([^ \t\n\r\f\v]+)[ \t\n\r\f\v]")


def classify_rxfilename(text: str) -> str | None:
    """'stdin', 'pipe', 'offset', 'file', or None if it is no name of an input.

    >>> [classify_rxfilename(x) for x in ["-", "flac -dc a.flac |", "a.ark:15", "a.ark", "|x"]]
    ['stdin', 'pipe', 'offset', 'file', None]
    """
    if text in ("", "-"):
        return "stdin"
    if text.startswith("|"):
        return None
    if text.endswith("|"):
        return "pipe"
    if text[0].isspace() or text[-1].isspace() or is_rspecifier(text) or is_wspecifier(text):
        return None
    if has_offset(text):
        return "offset"
    return None if "|" in text else "file"


def open_input(rxfilename: str) -> "Input":
    """An Input that reads from `rxfilename`, positioned at its offset if it names one.

    Raises
    ------
    TableError
        If the name is of no known form, or the file does not exist or cannot be read.
    """
    kind = classify_rxfilename(rxfilename)
    if kind == "stdin":
        return _standard_input()
    if kind == "pipe":
        from steps_py.formats.processes import PIPE, Process  # start-up time

        process = Process(rxfilename[:-1], stdout=PIPE)
        return Input(process.popen.stdout, rxfilename, process=process)
    if kind is None:
        raise TableError(
            f"'{shortened(rxfilename)}': not a name to read from. Write a path, path:offset,"
            " - for standard input, or 'command |'; a table (ark:, scp:) is not allowed here."
        )
    path, offset = split_offset(rxfilename)
    stream = Input(_open_file(path), path)
    if offset:
        stream.seek(offset)
    return stream


def has_offset(text: str) -> bool:
    """Whether the name ends in ``:number``."""
    return _OFFSET.fullmatch(text) is not None


def split_offset(rxfilename: str) -> tuple[str, int]:
    """'a.ark:15' -> ('a.ark', 15); 'a.ark' -> ('a.ark', 0)"""
    match = _OFFSET.fullmatch(rxfilename)
    return (match["path"], int(match["offset"])) if match else (rxfilename, 0)


def _open_file(path):
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise TableError(
            f"{shortened(path)}: cannot open: {error.strerror}. Check the path."
        ) from None
    except ValueError:  # a NUL in the name
        raise TableError(
            f"{shortened(path)!r}: cannot open: not a file name. Check the path."
        ) from None


_shared = {}


def _standard_input():
    """One shared Input for '-', so that each reader continues where the previous one stopped."""
    if "stdin" not in _shared:
        _shared["stdin"] = Input(io.FileIO(0, closefd=False), "standard input")
    return _shared["stdin"]


class Input:
    """A buffered input stream of a file, a pipe or standard input, with words and lines.

    `key` is the entry being read, for messages. With `read` it serves as a binary file.
    """

    def __init__(self, raw, name: str, process=None):
        self.name = name
        self.key = None
        self._raw = raw
        self._process = process
        self._size = _size_of(raw)
        self._buffer = b""
        self._next = 0  # position in the buffer
        self._start = 0  # position of the buffer in the stream
        self._ended = False
        self._is_checked = False  # whether the stream is compressed by gzip or the like

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close(failed=kind is not None)
        if isinstance(error, StepsError):
            self._blame_command()

    def tell(self) -> int:
        return self._start + self._next

    def fail(self, message: str):
        """Raise TableError with the file, the key if known, and the position.

        If the stream is the output of a command that failed, raise the error of the command.
        """
        self._blame_command()
        key = f", key {shortened(self.key)}" if self.key is not None else ""
        raise TableError(f"{self.name}{key}, byte {self.tell()}: {message}")

    def _blame_command(self):
        """Raise if the command failed: its missing output is not an error of the data."""
        if self._process and self._process.has_ended(wait_sec=1 if self._ended else 0):
            self._process.blame()

    def _grow(self, want=1):
        """Fill the buffer to at least `want` bytes or the end; returns the bytes in it."""
        have = len(self._buffer) - self._next
        if have >= want:
            return have
        parts = [self._buffer[self._next :]]
        while have < want and not self._ended:
            size = max(_CHUNK_BYTES, min(want - have, _BIG_CHUNK_BYTES))
            if self._size is None:
                part = self._raw.read(size)
            else:  # by position: other processes may share the open file
                part = os.pread(self._raw.fileno(), size, self.tell() + have)
            self._ended = not part
            parts.append(part)
            have += len(part)
        self._start += self._next
        self._next = 0
        self._buffer = b"".join(parts)
        if not self._is_checked:
            self._is_checked = True
            self._refuse_compressed()
        return have

    def _refuse_compressed(self):
        compression = compression_of(self._buffer[:LONGEST]) if self._start == 0 else None
        if compression is None:
            return
        name, command = compression
        if self._process:
            cure = f"Unpack it in the pipe: {self.name} {command} |"
        elif self is _shared.get("stdin"):
            cure = f"Unpack it in a pipe: {command} FILE |"
        else:
            cure = f"Unpack it, or give a pipe for the file: {command} {self.name} |"
        raise TableError(f"{self.name}: compressed by {name}. {cure}")

    def peek(self, size: int = 1) -> bytes:
        """Up to `size` bytes, without consuming them."""
        self._grow(size)
        return self._buffer[self._next : self._next + size]

    def at_end(self) -> bool:
        return self._grow() == 0

    def take(self, size: int, what: str = "data") -> bytes:
        """Exactly `size` bytes; TableError if there are fewer."""
        self.check_holds(size, what)
        have = self._grow(size)
        if have < size:
            self.fail(f"ends after {have} of {size} bytes of {what}. The file is truncated.")
        self._next += size
        return self._buffer[self._next - size : self._next]

    def take_own(self, size: int, what: str = "data") -> bytearray:
        """`take` into a new bytearray, without a further copy if it is a file."""
        if self._size is None:  # a pipe, whose length is unknown
            return bytearray(self.take(size, what))
        self.check_holds(size, what)
        own = bytearray(size)
        have = min(len(self._buffer) - self._next, size)
        own[:have] = self._buffer[self._next : self._next + have]
        self._next += have
        if have < size:  # the buffer is exhausted
            self._start, self._buffer, self._next = self.tell(), b"", 0
        while have < size:
            done = os.preadv(self._raw.fileno(), [memoryview(own)[have:]], self._start)
            if not done:
                self.fail(f"ends after {have} of {size} bytes of {what}. The file is truncated.")
            self._start += done
            have += done
        return own

    def check_holds(self, size: int, what: str = "data") -> None:
        """Fail if a regular file is too short for `size` more bytes of `what`."""
        if size >= 0 and (self._size is None or self.tell() + size <= self._size):
            return
        if self._size is not None:  # it may have grown meanwhile
            self._size = os.fstat(self._raw.fileno()).st_size
        if size < 0 or self._size is None or self.tell() + size > self._size:
            left = "" if size < 0 else f"; {self._size - self.tell()} are left"
            self.fail(f"{what} would take {size} bytes{left}. The file is truncated or damaged.")

    def skip(self, size: int, what: str = "data") -> None:
        """Skip `size` bytes, in a file without reading them."""
        if self._size is None:
            self.take(size, what)
        else:
            self.check_holds(size, what)
            self.seek(self.tell() + size)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, or all that are left."""
        if size is None or size < 0:
            size = self._grow(_BIG_CHUNK_BYTES)
            while not self._ended:
                size = self._grow(2 * size)
        have = min(self._grow(size), size)
        self._next += have
        return self._buffer[self._next - have : self._next]

    def word(self, what: str = "a word", limit: int = _LONGEST_KEY) -> bytes:
        """The next word as bytes, and skip the white space before it; b'' at the end."""
        while True:
            match = _WORD.match(self._buffer, self._next)
            if match:
                self._next = match.end() - 1
                return match[1]
            have = len(self._buffer) - self._next
            if self._ended:
                rest = self._buffer[self._next :].strip()
                if rest:
                    self.fail(f"ends within {what}. The file is truncated or no Kaldi table.")
                self._next = len(self._buffer)
                return b""
            if have > limit and self._buffer[self._next :].strip():
                self.fail(f"no end of {what} in {have} bytes. The file is no Kaldi table.")
            if have > limit:  # nothing but white space: drop it
                self._start, self._next = self._start + len(self._buffer), 0
                self._buffer, have = b"", 0
            self._grow(have + 1)

    def line(self) -> bytes | None:
        """The next line as bytes, without its end; None if there is none."""
        line = self._until(b"\n")
        if line is not None:
            return line[:-1]
        return self.read() or None

    def until(self, mark: bytes, what: str) -> bytes:
        """The bytes up to and including `mark`; TableError if it is missing."""
        data = self._until(mark)
        if data is None:
            self.fail(f"no '{mark.decode()}' at the end of {what}. The file is truncated.")
        return data

    def _until(self, mark):
        searched = 0
        while True:
            at = self._buffer.find(mark, self._next + searched)
            if at >= 0:
                start, self._next = self._next, at + len(mark)
                return self._buffer[start : self._next]
            searched = len(self._buffer) - self._next
            more = searched if searched > _CHUNK_BYTES else 1
            if self._grow(searched + more) == searched:
                return None

    def seek(self, offset: int) -> None:
        """Go to byte `offset` of a file; in a pipe, only within the buffer."""
        if self._start <= offset <= self._start + len(self._buffer):
            self._next = offset - self._start
            return
        if self._size is None:
            self.fail(f"cannot seek to byte {offset} of a pipe. Give the name of a file.")
        if offset > self._size:
            self.fail(
                f"has no byte {offset}; it is {self._size} long. The script file and the"
                " archive do not belong together: make both again."
            )
        self._start, self._buffer, self._next, self._ended = offset, b"", 0, False

    def close(self, failed: bool = False) -> None:
        """Close. In strict mode, a pipe whose command failed is a TableError (unless `failed`).

        Otherwise it is a warning: all that was wanted has been read.
        """
        if self is _shared.get("stdin"):
            return
        complete = self._process and not failed and self.at_end()
        self._raw.close()
        if self._process:
            self._process.finish(complete, quiet=failed, tolerant=not strict())


def _size_of(raw):
    """Bytes in a regular file; None for a pipe, whose length is unknown."""
    try:
        status = os.fstat(raw.fileno())
    except (OSError, io.UnsupportedOperation):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) and raw.tell() == 0 else None
