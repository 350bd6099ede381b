"""The entries of archives and script files, read sequentially."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steps_py.errors import StepsError, TableError
from steps_py.formats.specifiers import shortened, split_range
from steps_py.formats.streams import classify_rxfilename, open_input, split_offset

if TYPE_CHECKING:
    from steps_py.formats.streams import Input


class ScriptLineError(TableError):
    """A line of a script file that is not a key and a name."""


def read_object(rxfilename: str, holder):
    """The one object in a file, pipe or place in an archive; a range may follow the name.

    Raises
    ------
    TableError
        If the name or the object is invalid, or a command fails.
    """
    name, span = split_range(rxfilename)
    return read_stream(name, holder, span)


def read_stream(rxfilename: str, holder, span=None, key: str | None = None):
    """`read_object` of a name without its range; messages name `key`."""
    if span is None and classify_rxfilename(rxfilename) == "pipe":
        value = holder.evaluate(rxfilename[:-1].strip())
        if value is not None:
            return value
    with open_input(rxfilename) as stream:
        stream.key = key
        value = holder.read(stream, span)
        if span is None and holder.alone and classify_rxfilename(rxfilename) == "file":
            _expect_end(stream)
        return value


def _expect_end(stream):
    """Fail if more than white space follows the one object of a file."""
    if stream.read().strip():
        stream.fail("more data after the object. Was the file written twice? Make it again.")


def read_archive(stream: "Input", holder) -> "Iterator[tuple | None]":
    """The (key, value) pairs of an archive."""
    while True:
        stream.key = None
        word = stream.word("a key")
        if not word:
            return
        key = word.decode(errors="surrogateescape")
        stream.key = key
        gap = stream.peek()
        if gap not in (b" ", b"\t", b"\n"):
            stream.fail("no space after the key. The file is no Kaldi archive.")
        if gap != b"\n":
            stream.take(1)
        yield key, holder.read(stream)


def read_script_lines(stream: "Input") -> Iterator[tuple[str, str] | None]:
    """The (key, extended filename) pairs of a script file."""
    number = 0
    while True:
        line = stream.line()
        if line is None:
            return
        number += 1
        parts = line.decode(errors="surrogateescape").split(None, 1)
        if len(parts) != 2 or "\0" in parts[0]:
            shown = line[:60].decode(errors="replace")
            raise ScriptLineError(
                f"{stream.name}:{number}: not a line of a script file: '{shown}'."
                " Write a key, a space and a file name."
            )
        yield parts[0], parts[1].rstrip()


def read_script(rxfilename: str, must_be_sorted: bool = False) -> dict[str, str]:
    """A whole script file as a dict; duplicate keys are a TableError."""
    names = {}
    last = ""
    with open_input(rxfilename) as stream:
        for key, name in read_script_lines(stream):
            if key in names:
                raise TableError(
                    f"{rxfilename}: key {shortened(key)} comes twice. Make the keys unique."
                )
            if must_be_sorted and key < last:
                raise TableError(
                    f"{rxfilename}: not sorted: {shortened(last)} comes before"
                    f" {shortened(key)}. Sort it with"
                    " LC_ALL=C, or remove the option s."
                )
            names[key] = name
            last = key
    return names


class EntryReader:
    """Reader of the entries of a script file; it keeps the last file open for the next entry."""

    def __init__(self, holder):
        self._holder = holder
        self._path = None
        self._stream = None

    def read(self, key: str, entry: str, span: str | None = None):
        try:
            name, own_span = split_range(entry)
            if span is not None and own_span is not None:
                raise TableError(f"'{shortened(entry)}' has a range already.")
            return self._read(key, name, own_span or span)
        except StepsError as error:
            text, where = str(error), f"key {shortened(key)}"
            named = text if where in text else f"{where}: {text}"
            raise type(error)(named) from None

    def _read(self, key, name, span):
        kind = classify_rxfilename(name)
        if kind in ("file", "offset"):
            path, offset = split_offset(name) if kind == "offset" else (name, 0)
            stream = self._at(path, offset)
            stream.key = key
            return self._holder.read(stream, span)
        return read_stream(name, self._holder, span, key)

    def _at(self, path, offset):
        if path != self._path:
            self.close()
            self._stream = open_input(path)
            self._path = path
        self._stream.key = None
        self._stream.seek(offset)
        return self._stream

    def close(self, failed: bool = False) -> None:
        if self._stream:
            self._stream.close(failed)
        self._stream = self._path = None
