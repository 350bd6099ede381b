"""Kaldi data directories: read them, write them, check them, never mend them in place.

A table is a text file of lines ``<key> <value>``: keys unique and in C (byte) order,
one space between key and value.  Files are UTF-8, in which the order of bytes is the
order of Python's strings.
"""

import contextlib
import dataclasses
import io
import itertools
import math
import operator
from pathlib import Path

from steps_py.errors import DataDirError, some
from steps_py.files import atomic_write

REQUIRED = ("wav.scp", "utt2spk", "spk2utt", "utt2dur")
KEYED_BY_UTTERANCE = ("wav.scp", "utt2dur", "feats.scp", "vad.scp", "utt2num_frames", "utt2uniq")
BLANKS = b" \t\r"


@dataclasses.dataclass(frozen=True, slots=True)
class DataDir:
    """What is known of a data directory that passed `check_data_dir`."""

    path: Path
    utt2spk: dict
    hours: float  # sum of utt2dur; nan where there is none

    @property
    def speakers(self):
        return set(self.utt2spk.values())


def read_table(path):
    """Read ``<key> <value>`` lines into a dict; keys unique and in C (byte) order.

    Tabs and repeated blanks after the key are accepted, and an empty file is an empty
    table; anything else that is not in the form above is a DataDirError with the line
    number.  1.3 million lines take about a second.
    """
    content = Path(path).read_bytes()
    table = _parse_clean(content)
    return _parse_strict(content, path) if table is None else table


def iterate_table(path):
    """Yield what `read_table` reads, pair by pair, for tables larger than memory."""
    with open(path, "rb") as lines:
        yield from _strict_rows(lines, path)


def write_table(path, pairs):
    """Write a dict or an iterable of (key, value) in C order; the file appears whole."""
    write_tables({path: pairs})


def write_tables(tables):
    """Write several tables, ``{path: pairs}``: all of them appear, or none does."""
    contents = {path: _table_bytes(path, pairs) for path, pairs in tables.items()}
    with contextlib.ExitStack() as stack:
        for path, content in contents.items():
            out = stack.enter_context(atomic_write(path, "wb"))
            out.write(content)
            out.flush()  # a full disk shows before the first file gets its name


def spk2utt_of(utt2spk):
    """The inverse of utt2spk, as the lines of spk2utt.

    >>> spk2utt_of({"anna-1": "anna", "anna-2": "anna", "ben-1": "ben"})
    {'anna': 'anna-1 anna-2', 'ben': 'ben-1'}
    """
    utts = {}
    for utt, spk in utt2spk.items():
        utts.setdefault(spk, []).append(utt)
    return {spk: " ".join(sorted(utts[spk])) for spk in sorted(utts)}


def join_tables(paths, cure, see=None):
    """Several tables as one dict; DataDirError, ending in `cure`, for a key in two of them.

    `see(path, table)` is called with each table that was read.
    """
    joined = {}
    for path in paths:
        table = read_table(path)
        if see is not None:
            see(path, table)
        twice = joined.keys() & table.keys()
        if twice:
            raise DataDirError(
                f"{path}: {len(twice)} utterances are in another part of the set too"
                f" ({some(sorted(twice))}). {cure}"
            )
        joined |= table
    return joined


def compare_keys(got, want, path, reference):
    """One line that says how the keys `got` differ from `want`, in a list; or no line.

    >>> compare_keys({"a": 1}.keys(), {"a": 1, "b": 2}.keys(), "feats.scp", "wav.scp")
    ['feats.scp: 1 missing (b) of the 2 keys of wav.scp']
    """
    in_order = len(got) == len(want) and all(map(operator.eq, got, want))  # as most are
    if in_order or got == want:
        return []
    faults = [
        f"{len(keys)} {word} ({some(sorted(keys))})"
        for word, keys in (("missing", want - got), ("unexpected", got - want))
        if keys
    ]
    return [f"{path}: {' and '.join(faults)} of the {len(want)} keys of {reference}"]


def check_data_dir(path, required=REQUIRED, keyed=KEYED_BY_UTTERANCE):
    """Raise one DataDirError with every fault of a data directory; return it as `DataDir`.

    Holds for a sound directory: every file in `required` is there; the tables `keyed` by
    utterance, where they are, have the same keys; an utterance has one speaker, whose id the
    utterance's id begins with; sorting by utterance and by speaker gives one order (Kaldi's tools
    rely on both); spk2utt is the inverse of utt2spk; durations are positive.
    """
    path = Path(path)
    missing = [name for name in required if not (path / name).is_file()]
    if missing:
        raise DataDirError(f"{path}: {', '.join(missing)} missing from the data directory.")
    utt2spk = read_table(path / "utt2spk")
    faults = _speaker_faults(path, utt2spk)
    hours = math.nan
    for name in keyed:
        if (path / name).is_file():
            table = read_table(path / name)
            faults += compare_keys(table.keys(), utt2spk.keys(), path / name, path / "utt2spk")
            if name == "utt2dur":
                hours = _sum_durations(path / name, table, faults) / 3600
    if faults:
        raise DataDirError("\n".join(faults))
    return DataDir(path, utt2spk, hours)


def _speaker_faults(path, utt2spk):
    where, faults = path / "utt2spk", []
    if not utt2spk:
        return [f"{where}: the data directory has no utterance."]
    previous = ""
    for line, (utt, spk) in enumerate(utt2spk.items(), 1):
        if " " in spk:
            faults.append(f"{where}:{line}: '{utt}' has several speakers: {spk}. Keep one.")
        elif not utt.startswith(spk):
            faults.append(
                f"{where}:{line}: speaker '{spk}' is not a prefix of utterance '{utt}'."
                " Name utterances <speaker>-<utterance>: both sort orders must agree."
            )
        elif spk < previous:
            faults.append(
                f"{where}:{line}: speakers '{spk}' and '{previous}' sort one way by themselves"
                " and the other way in utterance ids. Rename one of them."
            )
        previous = spk
        if len(faults) == 3:
            break
    spk2utt = path / "spk2utt"
    if not faults and spk2utt.is_file() and read_table(spk2utt) != spk2utt_of(utt2spk):
        faults.append(f"{spk2utt}: is not the inverse of {where}. Make both from one source.")
    return faults


def _sum_durations(path, utt2dur, faults):
    seconds = 0.0
    for line, (utt, text) in enumerate(utt2dur.items(), 1):
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


def _parse_strict(content, path):
    """Line by line: what `_parse_clean` does, for odd blanks, and to find the faulty line."""
    return dict(_strict_rows(io.BytesIO(content), path))


def _strict_rows(lines, path):
    previous = None
    for number, line in enumerate(lines, 1):
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
        previous = key
        yield key, value


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
