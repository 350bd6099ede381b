"""Kaldi's extended filenames for writing: a file, ``-``, ``| command``.

Source: src/util/kaldi-io.cc. Two differences are intended: a command that fails is an error here,
not a warning, and a file gets its final name only when it is complete.
"""

import contextlib
import io
import os
import sys

from steps_py.errors import TableError
from steps_py.files import atomic_write
from steps_py.formats.specifiers import is_rspecifier, is_wspecifier
from steps_py.formats.streams import has_offset


def classify_wxfilename(text: str) -> str | None:
    """'stdout', 'pipe', 'file', or None if it is no name of an output.

    >>> [classify_wxfilename(x) for x in ["-", "| gzip -c > a.gz", "a.ark", "a.ark:15"]]
    ['stdout', 'pipe', 'file', None]
    """
    if text in ("", "-"):
        return "stdout"
    if text.startswith("|"):
        return "pipe"
    if text[0].isspace() or text[-1].isspace() or is_rspecifier(text) or is_wspecifier(text):
        return None
    return None if has_offset(text) or "|" in text else "file"


def open_output(wxfilename: str, flush: bool = False) -> "Output":
    """An Output that writes to `wxfilename`; see `Output`.

    With `flush`, other processes may read the file meanwhile, so it has its final name at once.
    """
    kind = classify_wxfilename(wxfilename)
    if kind == "stdout":
        return Output(sys.stdout.buffer, "standard output")
    if kind == "pipe":
        from steps_py.formats.processes import PIPE, Process  # start-up time

        process = Process(wxfilename[1:], stdin=PIPE)
        return Output(io.BufferedWriter(process.popen.stdin), wxfilename, process=process)
    if kind is None:
        raise TableError(
            f"'{wxfilename}': not a name to write to. Write a path, - for standard output, or"
            " '| command'; a table (ark:, scp:) is not allowed here."
        )
    closer = contextlib.ExitStack()
    try:
        if flush or not _is_replaceable(wxfilename):
            file = closer.enter_context(io.BufferedWriter(io.FileIO(wxfilename, "w")))
        else:
            file = closer.enter_context(atomic_write(os.path.realpath(wxfilename), "wb"))
    except OSError as error:
        raise TableError(
            f"{wxfilename}: cannot write: {error.strerror}. Check the folder and its permissions."
        ) from None
    return Output(file, wxfilename, closer=closer)


def _is_replaceable(path):
    """Whether a file can be renamed to `path`: no device or FIFO, and the folder exists."""
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.exists(path) and not os.path.isfile(path):
        return False
    return os.access(folder, os.W_OK) and not path.startswith(("/dev/", "/proc/"))


class Output:
    """An output stream to a file, a pipe or standard output.

    As a context manager it closes at the end; if the block failed, no file is left.
    """

    def __init__(self, file, name: str, process=None, closer=None):
        self.name = name
        self.num_bytes = 0
        self._file = file
        self._process = process
        self._closer = closer

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close(failed=kind is not None)

    def write(self, data: bytes) -> None:
        with self._explained():
            self._file.write(data)
        self.num_bytes += len(data)

    def flush(self) -> None:
        with self._explained():
            self._file.flush()

    def close(self, failed: bool = False) -> None:
        """Close the file, or wait for the command; errors of either are TableErrors."""
        if self._process:
            with self._explained(), contextlib.suppress(BrokenPipeError if failed else ()):
                self._file.close()
            self._process.finish(complete=True, quiet=failed)
        elif self._closer and failed:
            error = TableError("abandoned")
            with contextlib.suppress(TableError):
                self._closer.__exit__(type(error), error, None)
        elif self._closer:
            with self._explained():
                self._closer.close()
        else:
            self.flush()

    @contextlib.contextmanager
    def _explained(self):
        try:
            yield
        except BrokenPipeError:
            if not self._process:
                raise  # standard output: the command exits without a message
            self._process.finish(complete=True)
            raise TableError(
                f"'{self.name}': the command stopped reading. See its messages above."
            ) from None
        except OSError as error:
            raise TableError(f"{self.name}: cannot write: {error.strerror}.") from None
