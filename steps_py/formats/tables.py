"""Kaldi's tables: archives and script files, read sequentially or by key, and written.

Source: src/util/kaldi-table-inl.h. The package kaldi-io is not used here because it ignores the
failure of a pipe, writes no compressed matrices, and takes longer to import than a short job
runs; `steps_py.formats.kaldi_io_tables` uses it for interactive work.
"""

from typing import TYPE_CHECKING, Any

from steps_py.errors import StepsError, TableError
from steps_py.formats.basic_types import encode_token
from steps_py.formats.entries import (
    EntryReader,
    ScriptLineError,
    read_archive,
    read_object,
    read_script,
    read_script_lines,
)
from steps_py.formats.holders import Holder
from steps_py.formats.log import strict, warn
from steps_py.formats.lookup import ArchiveTable, DoublySortedTable, ScriptTable
from steps_py.formats.outputs import classify_wxfilename, open_output
from steps_py.formats.specifiers import parse_rspecifier, parse_wspecifier
from steps_py.formats.streams import open_input

if TYPE_CHECKING:
    import numpy as np

__all__ = ["RandomReader", "SequentialReader", "TableWriter", "read_object", "write_object"]


def write_object(wxfilename: str, holder: Holder, value: Any, binary: bool = True) -> None:
    """Write one object to a file or pipe."""
    data = holder.encode(value, binary)
    with open_output(wxfilename) as out:
        out.write(data)


class SequentialReader:
    """The entries of a table, in its order.

    >>> from steps_py.formats.holders import INT
    >>> with SequentialReader("ark:printf 'utt1 3\\nutt2 5\\n' |", INT) as reader:
    ...     list(reader)
    [('utt1', 3), ('utt2', 5)]

    An entry that cannot be read is a TableError. With the option p it is skipped in a script file
    and ends an archive, with a warning.
    """

    def __init__(self, rspecifier: str, holder: Holder):
        self._spec = parse_rspecifier(rspecifier)
        self._holder = holder
        self._input = open_input(self._spec.rxfilename)
        self._entries = EntryReader(holder)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close(failed=kind is not None)

    def __iter__(self):
        return self._script_entries() if self._spec.kind == "scp" else self._archive_entries()

    def _archive_entries(self):
        try:
            yield from read_archive(self._input, self._holder)
        except StepsError as error:
            if not self._spec.permissive:
                raise
            warn(f"{error} The rest is skipped, as option p of {self._spec.text} allows.")

    def _script_entries(self):
        for key, rxfilename in self._script_lines():
            try:
                value = self._entries.read(key, rxfilename)
            except StepsError as error:
                if not self._spec.permissive:
                    raise
                warn(f"{error} Skipped, as option p of {self._spec.text} allows.")
                continue
            yield key, value

    def _script_lines(self):
        """The lines of the script file; as in Kaldi, a wrong one ends it, if not strict."""
        has_begun = False
        try:
            for line in read_script_lines(self._input):
                has_begun = True
                yield line
        except ScriptLineError as error:
            if strict() or not has_begun:
                raise
            warn(f"{error} The rest is skipped.")

    def close(self, failed: bool = False) -> None:
        self._entries.close(failed)
        try:
            self._input.close(failed)
        except StepsError as error:
            if not self._spec.permissive:
                raise
            warn(f"{error} Ignored, as option p of {self._spec.text} allows.")


class RandomReader:
    """The entries of a table by key: ``key in table``, ``table[key]``.

    A script file is read at the start, its entries on request. An archive is read as far as
    needed to find a key, and its entries are kept. Options reduce this: o (each key is requested
    once), s (the archive is sorted), s,cs (and requests are sorted too: one entry is kept).
    """

    def __init__(self, rspecifier: str, holder: Holder):
        spec = parse_rspecifier(rspecifier)
        if spec.kind == "scp":
            self._table = ScriptTable(spec, holder)
        elif spec.is_sorted and spec.called_sorted:
            self._table = DoublySortedTable(spec, holder)
        else:
            self._table = ArchiveTable(spec, holder)
        self._spec = spec

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close(failed=kind is not None)

    def __contains__(self, key):
        return self._table.has(key)

    def __getitem__(self, key):
        if not self._table.has(key):
            raise TableError(f"{self._spec.text}: has no entry for {key}.")
        return self._table.value(key)

    def rows(self, key: str, first: int, num_rows: int) -> "np.ndarray":
        """`num_rows` rows of a matrix from `first` on; by a script file, only these are read."""
        if isinstance(self._table, ScriptTable):
            part = self._table.value(key, f"{first}:{first + num_rows - 1}")
        else:
            part = self[key][first : first + num_rows]
        if len(part) != num_rows:
            raise TableError(f"{self._spec.text}, key {key}: ends after row {first + len(part)}.")
        return part

    def close(self, failed: bool = False) -> None:
        self._table.close(failed)


class TableWriter:
    """Writes a table entry by entry.

    >>> import tempfile, os
    >>> from steps_py.formats.holders import INT
    >>> path = os.path.join(tempfile.mkdtemp(), "utt2num_frames")
    >>> with TableWriter(f"ark,t:{path}", INT) as writer:
    ...     writer.write("utt1", 320)
    >>> open(path).read()
    'utt1 320 \\n'

    Files get their final names when the block ends without an error (with the option f, at once).
    With `optional`, a writer of an empty wspecifier writes nothing.
    """

    def __init__(self, wspecifier: str, holder: Holder, optional: bool = False):
        self._holder = holder
        self._archive = self._script = self._names = None
        self._disabled = optional and wspecifier == ""
        if self._disabled:
            return
        self._spec = parse_wspecifier(wspecifier)
        if self._spec.archive is None:
            self._names = read_script(self._spec.script)
            return
        self._archive = open_output(self._spec.archive, self._spec.flush)
        if self._spec.script is not None and classify_wxfilename(self._spec.archive) != "file":
            warn(f"{wspecifier}: the script refers to an archive that is not a file")
        if self._spec.script is not None:
            try:
                self._script = open_output(self._spec.script, self._spec.flush)
            except TableError:
                self._archive.close(failed=True)
                raise

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close(failed=kind is not None)

    def write(self, key: str, value: Any) -> None:
        """Append an entry; TableError if the key has white space or the disk is full."""
        if self._disabled:
            return
        try:
            head = encode_token(key) + b" "
            data = self._holder.encode(value, self._spec.binary)
        except TableError as error:
            raise TableError(f"{self._spec.text}, key {key}: {error}") from None
        if self._names is not None:
            self._write_file(key, data)
            return
        if self._script:
            place = f"{self._spec.archive}:{self._archive.num_bytes + len(head)}\n"
            self._script.write(head + place.encode(errors="surrogateescape"))
        self._archive.write(head)
        self._archive.write(data)
        if self._spec.flush:
            self._archive.flush()
            if self._script:
                self._script.flush()

    def _write_file(self, key, data):
        if key in self._names:
            with open_output(self._names[key]) as out:
                out.write(data)
        elif not self._spec.permissive:
            raise TableError(
                f"{self._spec.script}: has no line for {key}, which is to be written. Add one,"
                " or the option p to skip such keys."
            )

    def close(self, failed: bool = False) -> None:
        """Close the files, the script after its archive."""
        try:
            if self._archive:
                self._archive.close(failed)
        except BaseException:
            failed = True
            raise
        finally:
            if self._script:
                self._script.close(failed)
