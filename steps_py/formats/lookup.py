"""Random access to tables by script file, or by archive; how much is kept depends on options."""

from typing import TYPE_CHECKING

from steps_py.errors import StepsError, TableError
from steps_py.formats.entries import EntryReader, read_archive, read_script
from steps_py.formats.log import warn
from steps_py.formats.specifiers import Rspecifier, shortened
from steps_py.formats.streams import open_input

if TYPE_CHECKING:
    import numpy as np


class ScriptTable:
    """Random access by a script file."""

    def __init__(self, spec: Rspecifier, holder):
        self._spec = spec
        self._names = read_script(spec.rxfilename, spec.is_sorted)
        self._entries = EntryReader(holder)
        self._last = None  # (key, value) of the last request

    def has(self, key: str) -> bool:
        if key not in self._names or not self._spec.permissive:
            return key in self._names
        try:
            self.value(key)
        except StepsError as error:
            warn(f"{error} Skipped, as option p of {self._spec.text} allows.")
            return False
        return True

    def value(self, key: str, span: str | None = None) -> "np.ndarray":
        if key not in self._names:
            raise TableError(f"{self._spec.text}: has no entry for {key}.")
        if span is not None:
            return self._entries.read(key, self._names[key], span)
        if self._last is None or self._last[0] != key:
            self._last = (key, self._entries.read(key, self._names[key]))
        return self._last[1]

    def close(self, failed: bool = False) -> None:
        self._entries.close(failed)


class ArchiveTable:
    """Random access by an archive: the entries read before the requested key are kept."""

    def __init__(self, spec: Rspecifier, holder):
        self._spec = spec
        self._input = open_input(spec.rxfilename)
        self._rest = read_archive(self._input, holder)
        self._values = {}
        self._seen = set()
        self._last = ""
        self._given = (None, None)  # with the option o: the last (key, value)

    def _next(self):
        """Read one entry: its key, or None at the end."""
        try:
            entry = next(self._rest, None)
        except StepsError as error:
            self._rest = iter(())
            if not self._spec.permissive:
                raise
            warn(f"{error} The rest is skipped, as option p of {self._spec.text} allows.")
            return None
        if entry is None:
            return None
        key = entry[0]
        if key in self._seen:
            raise TableError(
                f"{self._spec.text}: key {shortened(key)} comes twice. Make the keys unique."
            )
        if self._spec.is_sorted and key < self._last:
            raise TableError(
                f"{self._spec.text}: not sorted: {shortened(self._last)} comes before"
                f" {shortened(key)}. Sort it with"
                " LC_ALL=C, or remove the option s."
            )
        self._seen.add(key)
        self._values[key] = entry[1]
        self._last = key
        return key

    def has(self, key: str) -> bool:
        while key not in self._seen:
            if self._spec.is_sorted and self._last > key:
                return False
            if self._next() is None:
                return False
        return True

    def value(self, key: str) -> "np.ndarray":
        if not self._spec.once:
            return self._values[key]
        if key != self._given[0]:
            if key not in self._values:
                raise TableError(
                    f"{self._spec.text}: {key} is requested twice. Remove the option o."
                )
            self._given = key, self._values.pop(key)
        return self._given[1]

    def close(self, failed: bool = False) -> None:
        try:
            self._input.close(failed)
        except StepsError as error:
            if not self._spec.permissive:
                raise
            warn(f"{error} Ignored, as option p of {self._spec.text} allows.")


class DoublySortedTable(ArchiveTable):
    """Random access by an archive if its keys and the requests are sorted: one entry is kept."""

    def __init__(self, spec: Rspecifier, holder):
        super().__init__(spec, holder)
        self._requested = ""

    def has(self, key: str) -> bool:
        if key < self._requested:
            raise TableError(
                f"{self._spec.text}: {key} is requested after {self._requested}. Request keys in"
                " sorted order, or remove the option cs."
            )
        self._requested = key
        while self._last < key:
            before = self._last
            self._values.clear()
            self._seen.clear()
            if self._next() is None:
                return False
            if self._last <= before:
                raise TableError(
                    f"{self._spec.text}: key {shortened(before)} comes twice. Make it unique."
                )
        return self._last == key

    def value(self, key: str) -> "np.ndarray":
        return self._values[key]
