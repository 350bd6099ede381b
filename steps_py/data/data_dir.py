"""Kaldi data directories: reading, writing and checking, without repair in place.

A table is a text file of lines ``<key> <value>``: keys unique and in C (byte) order,
one space between key and value.  Files are UTF-8, in which the order of bytes is the
order of Python's strings.
"""

import contextlib
import dataclasses
import heapq
import io
import itertools
import math
import operator
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from steps_py.errors import DataDirError, some
from steps_py.files import atomic_write

REQUIRED = ("wav.scp", "utt2spk", "spk2utt", "utt2dur")
KEYED_BY_UTTERANCE = ("wav.scp", "utt2dur", "feats.scp", "vad.scp", "utt2num_frames", "utt2uniq")
BLANKS = b" \t\r"
BLOCK_BYTES = 2**20  # read at a time


@dataclasses.dataclass(frozen=True, slots=True)
class DataDir:
    """Summary of a data directory that passed `check_data_dir`."""

    path: Path
    speakers: set
    num_utts: int
    hours: float  # sum of utt2dur; nan without utt2dur


def read_table(path: str | Path) -> dict[str, str]:
    """Read ``<key> <value>`` lines into a dict; keys unique and in C (byte) order.

    Tabs and repeated blanks after the key are accepted, and an empty file is an empty
    table; anything else that is not in the form above is a DataDirError with the line
    number.  1.3 million lines take about a second.
    """
    content = Path(path).read_bytes()
    table = _parse_clean(content)
    return _parse_strict(content, path) if table is None else table


def iterate_table(path: str | Path) -> Iterator[tuple[str, str] | None]:
    """Yield the pairs that `read_table` reads; for tables larger than memory."""
    number, previous = 1, None
    with open(path, "rb") as lines:
        while block := lines.read(BLOCK_BYTES):
            block += lines.readline()
            table = _parse_clean(block)
            if table is None or (previous is not None and next(iter(table)) <= previous):
                table = _parse_strict(block, path, number, previous)
            yield from table.items()
            number, previous = number + block.count(b"\n"), next(reversed(table))


def merge_tables(paths: list[Path], fix: str) -> Iterator[tuple[str, str, int]]:
    """Yield (key, value, index of its table in `paths`) of several tables, in C order of keys.

    For tables larger than memory.  Finally raises DataDirError, ending in `fix`, if a key was in
    two of them.
    """
    twice, last = {}, None
    for key, place, value in heapq.merge(*map(_placed_rows, paths, itertools.count())):
        if key == last:
            twice.setdefault(place, []).append(key)
        else:
            last = key
            yield key, value, place
    if twice:
        raise _in_two_tables(paths[min(twice)], twice[min(twice)], fix)


def _placed_rows(path, place):
    return ((key, place, value) for key, value in iterate_table(path))


def _in_two_tables(path, keys, fix):
    return DataDirError(
        f"{path}: {len(keys)} utterances are in another part of the set too ({some(keys)}). {fix}"
    )


def write_table(path: str | Path, pairs) -> None:
    """Write a dict or an iterable of (key, value) in C order, atomically."""
    write_tables({path: pairs})


def write_tables(tables) -> None:
    """Write several tables, ``{path: pairs}``; all of them or none."""
    contents = {path: _table_bytes(path, pairs) for path, pairs in tables.items()}
    with contextlib.ExitStack() as stack:
        for path, content in contents.items():
            out = stack.enter_context(atomic_write(path, "wb"))
            out.write(content)
            out.flush()  # a full disk is detected before the first file is renamed


def spk2utt_of(utt2spk: dict[str, str]) -> dict[str, str]:
    """The inverse of utt2spk, as the lines of spk2utt.

    >>> spk2utt_of({"anna-1": "anna", "anna-2": "anna", "ben-1": "ben"})
    {'anna': 'anna-1 anna-2', 'ben': 'ben-1'}
    """
    utts = {}
    for utt, spk in utt2spk.items():
        utts.setdefault(spk, []).append(utt)
    return {spk: " ".join(sorted(utts[spk])) for spk in sorted(utts)}


def join_tables(paths: Iterable[str | os.PathLike], fix: str) -> dict[str, str]:
    """Several tables as one dict; DataDirError, ending in `fix`, for a key in two of them."""
    joined = {}
    for path in paths:
        table = read_table(path)
        twice = joined.keys() & table.keys()
        if twice:
            raise _in_two_tables(path, sorted(twice), fix)
        joined |= table
    return joined


def compare_keys(got, want, path: str | Path, reference):
    """A list with one message on how the keys `got` differ from `want`; empty if they do not.

    >>> compare_keys({"a": 1}.keys(), {"a": 1, "b": 2}.keys(), "feats.scp", "wav.scp")
    ['feats.scp: 1 missing (b) of the 2 keys of wav.scp']
    """
    in_order = len(got) == len(want) and all(map(operator.eq, got, want))  # as most are
    if in_order or got == want:
        return []
    return [_difference(sorted(want - got), sorted(got - want), path, len(want), reference)]


def compare_sorted_keys(
    got: Iterable, want: Iterable, path: str | Path, reference: str | os.PathLike
) -> list[str]:
    """`compare_keys` of two iterators in C order; for tables larger than memory.

    >>> compare_sorted_keys(iter("ad"), iter("abc"), "feats.scp", "wav.scp")
    ['feats.scp: 2 missing (b, c) and 1 unexpected (d) of the 3 keys of wav.scp']
    """
    num_wanted = 0
    for one, other in itertools.zip_longest(got, want):
        if one != other:
            break
        num_wanted += 1
    else:
        return []
    sides = [
        zip(itertools.chain([] if first is None else [first], rest), itertools.repeat(side))
        for side, first, rest in ((0, one, got), (1, other, want))
    ]
    lone = ([], [])
    for key, group in itertools.groupby(heapq.merge(*sides), operator.itemgetter(0)):
        found = [side for _, side in group]
        num_wanted += 1 in found
        if len(found) == 1:
            lone[found[0]].append(key)
    return [_difference(lone[1], lone[0], path, num_wanted, reference)]


def _difference(missing, unexpected, path, num_wanted, reference):
    faults = [
        f"{len(keys)} {word} ({some(keys)})"
        for word, keys in (("missing", missing), ("unexpected", unexpected))
        if keys
    ]
    return f"{path}: {' and '.join(faults)} of the {num_wanted} keys of {reference}"


def check_data_dir(
    path: str | Path,
    required: tuple[str, ...] = REQUIRED,
    keyed: tuple[str, ...] = KEYED_BY_UTTERANCE,
) -> DataDir:
    """Check a data directory; raises one DataDirError with all errors.

    All files in `required` must exist; existing tables in `keyed` must have the same keys; the id
    of an utterance must begin with that of its speaker; sorting by utterance and by speaker must
    give the same order, which Kaldi's tools rely on; spk2utt must be the inverse of utt2spk;
    durations must be positive.
    """
    path = Path(path)
    missing = [name for name in required if not (path / name).is_file()]
    if missing:
        raise DataDirError(f"{path}: {', '.join(missing)} missing from the data directory.")
    where = path / "utt2spk"
    speakers, num_utts, faults = _read_speakers(where)
    if not faults and (path / "spk2utt").is_file():
        faults += _inverse_faults(path / "spk2utt", where)
    hours = math.nan
    for name in keyed:
        if (path / name).is_file():
            got, want = ((key for key, _ in iterate_table(p)) for p in (path / name, where))
            faults += compare_sorted_keys(got, want, path / name, where)
            if name == "utt2dur":
                hours = _sum_durations(path / name, faults) / 3600
    if faults:
        raise DataDirError("\n".join(faults))
    return DataDir(path, speakers, num_utts, hours)


def _read_speakers(where):
    """The speakers of utt2spk, the number of its lines, and three of its faults at most."""
    speakers, previous, line, faults = set(), "", 0, []
    for line, (utt, spk) in enumerate(iterate_table(where), 1):
        speakers.add(spk)
        if len(faults) < 3 and (fault := _speaker_fault(utt, spk, previous)):
            faults.append(f"{where}:{line}: {fault}")
        previous = spk
    return speakers, line, faults if line else [f"{where}: the data directory has no utterance."]


def _speaker_fault(utt, spk, previous):
    """The error in a line of utt2spk that follows one of speaker `previous`, or None."""
    if " " in spk:
        return f"'{utt}' has several speakers: {spk}. Keep one."
    if not utt.startswith(spk):
        return (
            f"speaker '{spk}' is not a prefix of utterance '{utt}'."
            " Name utterances <speaker>-<utterance>: both sort orders must agree."
        )
    if spk < previous:
        return (
            f"speakers '{spk}' and '{previous}' sort one way by themselves"
            " and the other way in utterance ids. Rename one of them."
        )
    return None


def _inverse_faults(spk2utt, utt2spk):
    """A message, in a list, if the tables are not inverse; utterances are in order of speakers."""
    groups = itertools.groupby(iterate_table(utt2spk), operator.itemgetter(1))
    expected = ((spk, " ".join(utt for utt, _ in rows)) for spk, rows in groups)
    same = True
    for got, want in itertools.zip_longest(iterate_table(spk2utt), expected):
        same = same and got == want
    if same:
        return []
    return [f"{spk2utt}: is not the inverse of {utt2spk}. Make both from one source."]


def _sum_durations(path, faults):
    seconds = 0.0
    for line, (utt, text) in enumerate(iterate_table(path), 1):
        try:
            duration_sec = float(text)
        except ValueError:
            duration_sec = math.nan
        if not 0 < duration_sec < math.inf:
            faults.append(f"{path}:{line}: '{utt}' lasts '{text}' s; a duration is above 0.")
            break
        seconds += duration_sec
    return seconds


def _parse_clean(content):
    """The table if `content` is in the form that `write_table` gives it, else None."""
    if not content:
        return {}
    if not content.endswith(b"\n") or _has_odd_blanks(content):
        return None
    table, num_lines = {}, 0
    try:
        for line in io.BytesIO(content):
            key, value = line[:-1].decode().split(" ", 1)
            table[key] = value
            num_lines += 1
    except ValueError:  # a line without a value, or not UTF-8
        return None
    keys = list(table)
    return table if len(keys) == num_lines and keys == sorted(keys) else None


def _has_odd_blanks(content):
    odd = (b"\t", b"\r", b"  ", b" \n", b"\n ", b"\n\n")
    return content[:1] in b" \n" or any(blanks in content for blanks in odd)


def _parse_strict(content, path, first_number=1, previous=None):
    """Line by line: what `_parse_clean` does, for odd blanks, and to find the faulty line.

    `content` begins at line `first_number`, behind a line with the key `previous`.
    """
    table = {}
    for number, line in enumerate(io.BytesIO(content), first_number):
        where, line = f"{path}:{number}", line.removesuffix(b"\n")
        fields = line.strip(BLANKS).split(None, 1)
        if len(fields) != 2:
            raise DataDirError(
                f"{where}: expected '<key> <value>', got"
                f" {line[:200].decode(errors='replace')!r}. Write one pair a line."
            )
        try:
            key, value = (field.decode() for field in fields)
        except UnicodeDecodeError:
            raise DataDirError(
                f"{where}: not UTF-8: {line[:200]!r}. Rename what it names."
            ) from None
        if key == previous:
            raise DataDirError(f"{where}: key '{key[:200]}' appears twice. Keep one line per key.")
        if previous is not None and key < previous:
            raise DataDirError(
                f"{where}: '{key[:200]}' comes after '{previous[:200]}'."
                f" Sort the file with: LC_ALL=C sort -k1,1 -o {path} {path}"
            )
        table[key] = value
        previous = key
    return table


def _table_bytes(path, pairs):
    rows = _in_order(pairs)
    content = "".join([f"{key} {value}\n" for key, value in rows]).encode()
    keys = pairs if isinstance(pairs, dict) else {key for key, _ in rows}
    if len(keys) != len(rows):
        twice = [key for (key, _), (then, _) in itertools.pairwise(rows) if key == then]
        raise DataDirError(f"{path}: {len(twice)} keys would appear twice ({some(twice)}).")
    odd = content and (_has_odd_blanks(content) or content.count(b"\n") != len(rows))
    if odd or any(" " in key for key in keys):
        bad = [f"{k!r} {v!r}" for k, v in rows if k.split() != [k] or not _fits_on_line(v)]
        if bad:
            raise DataDirError(f"{path}: not a key or not a value of a table: {some(bad)}.")
    return content


def _in_order(pairs):
    """(key, value) sorted by key; a dict in order, which most are, is not sorted as pairs."""
    if not isinstance(pairs, dict):
        return sorted(pairs)
    keys = list(pairs)
    return pairs.items() if keys == sorted(keys) else sorted(pairs.items())


def _fits_on_line(value):
    value = str(value)
    return bool(value) and value == value.strip() and "\n" not in value
