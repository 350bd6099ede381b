"""The grammar of rspecifiers, wspecifiers and ranges (src/util/kaldi-table.cc).

ark:exp/feats.ark    scp,p:data/feats.scp    s,cs,scp:vad.scp    ark,t:-
ark,scp:feats.ark,feats.scp    feats.ark:1234[10:49,0:12]
"""

import dataclasses
import re

from steps_py.errors import TableError
from steps_py.formats.log import warn

_RANGE = re.compile(r"(?P<rows>:|\d{1,9}:\d{1,9})?(,(?P<cols>:|\d{1,9}:\d{1,9}))?")
_ROW_TOLERANCE = 3  # Kaldi accepts a segment that ends up to two frames too late


@dataclasses.dataclass(frozen=True)
class Rspecifier:
    """Where and how to read a table.

    kind            "ark" or "scp"
    rxfilename      the archive or the script file
    permissive      p: entries that cannot be read are skipped
    once            o: each key is requested once, so its value need not be kept
    is_sorted       s: the keys of the table are sorted
    called_sorted   cs: keys are requested in sorted order
    """

    text: str
    kind: str
    rxfilename: str
    permissive: bool = False
    once: bool = False
    is_sorted: bool = False
    called_sorted: bool = False


@dataclasses.dataclass(frozen=True)
class Wspecifier:
    """Where and how to write a table: to `archive`, to `script`, or to both.

    With a script alone, the script is read, and gives the file of each key.
    """

    text: str
    archive: str | None
    script: str | None
    binary: bool = True
    flush: bool = False
    permissive: bool = False


_READ_OPTIONS = {
    "p": ("permissive", True),
    "np": ("permissive", False),
    "o": ("once", True),
    "no": ("once", False),
    "s": ("is_sorted", True),
    "ns": ("is_sorted", False),
    "cs": ("called_sorted", True),
    "ncs": ("called_sorted", False),
    "b": None,  # has an effect on writing only
    "t": None,
    "bg": None,  # read ahead in a thread: we buffer, which is enough
}
_WRITE_OPTIONS = {
    "b": ("binary", True),
    "t": ("binary", False),
    "f": ("flush", True),
    "nf": ("flush", False),
    "p": ("permissive", True),
}


def shortened(text: str, most: int = 200) -> str:
    """A name for a message, cut off: names in damaged files can have any length.

    >>> shortened("utt1"), shortened("utterance", most=3)
    ('utt1', 'utt...')
    """
    return text if len(text) <= most else f"{text[:most]}..."


def is_rspecifier(text: str) -> bool:
    """Kaldi's ClassifyRspecifier != kNoRspecifier.

    >>> is_rspecifier("ark:feats.ark"), is_rspecifier("feats.ark:12"), is_rspecifier("scp,q:x")
    (True, False, False)
    """
    return _read(text) is not None


def is_wspecifier(text: str) -> bool:
    """Kaldi's ClassifyWspecifier != kNoWspecifier."""
    return _write(text) is not None


def parse_rspecifier(text: str) -> Rspecifier:
    """Parse `text` as an Rspecifier; TableError if it is none.

    >>> parse_rspecifier("scp,s,cs:vad.scp").rxfilename
    'vad.scp'
    """
    specifier = _read(text)
    if specifier is None:
        raise TableError(
            f"'{shortened(text)}': not an rspecifier. Write ark:FILE or scp:FILE, with options of"
            f" {' '.join(_READ_OPTIONS)} before the colon, as in scp,p:FILE."
        )
    return specifier


def parse_wspecifier(text: str) -> Wspecifier:
    """Parse `text` as a Wspecifier; TableError if it is none.

    >>> parse_wspecifier("ark,scp,t:feats.ark,feats.scp").script
    'feats.scp'
    """
    specifier = _write(text)
    if specifier is None:
        raise TableError(
            f"'{shortened(text)}': not a wspecifier. Write ark:FILE, ark,scp:FILE,FILE or scp:FILE,"
            f" with options of {' '.join(_WRITE_OPTIONS)} before the colon, as in ark,t:FILE."
        )
    return specifier


def split_range(text: str) -> tuple:
    """Split a range in brackets from an rxfilename.

    >>> split_range("feats.ark:12[3:20,0:4]")
    ('feats.ark:12', '3:20,0:4')
    >>> split_range("feats.ark:12")
    ('feats.ark:12', None)
    """
    if not text.endswith("]"):
        return text, None
    head, _, span = text[:-1].rpartition("[")
    if not head or "[" in head or not span:
        raise TableError(f"'{shortened(text)}': invalid range. Write FILE[first:last].")
    return head, span


def resolve_range(span: str, num_rows: int, num_cols: int, where: str) -> tuple[int, int, int, int]:
    """The half-open bounds (row, row, col, col) of an inclusive range ``3:20,0:4``.

    A last row up to two beyond the end is replaced by the end, with a warning, as in Kaldi:
    durations in seconds and numbers of frames do not agree exactly.

    >>> resolve_range("3:20,0:4", 100, 13, "a.ark")
    (3, 21, 0, 5)
    >>> resolve_range(":,2:2", 100, 13, "a.ark")
    (0, 100, 2, 3)
    """
    match = _RANGE.fullmatch(span)
    if not match or not span:
        raise TableError(
            f"{where}: invalid range [{shortened(span)}]. Write [first:last] or"
            " [first:last,first:last]."
        )
    first_row, last_row = _bounds(match["rows"], num_rows)
    first_col, last_col = _bounds(match["cols"], num_cols)
    rows_fit = first_row <= last_row < num_rows + _ROW_TOLERANCE and first_row < num_rows
    if not (rows_fit and first_col <= last_col < num_cols):
        raise TableError(
            f"{where}: range [{span}] does not fit; the object is {num_rows} x {num_cols}."
            " Rows and columns count from 0, and the last is included."
        )
    if last_row >= num_rows:
        warn(f"{where}: range [{span}] goes beyond the {num_rows} rows; taken to the end")
    return first_row, min(last_row, num_rows - 1) + 1, first_col, last_col + 1


def _bounds(text, size):
    if text in (None, ":"):
        return 0, size - 1
    first, last = text.split(":")
    return int(first), int(last)


def _read(text):
    before, colon, rxfilename = text.partition(":")
    words = re.split("[, ]", before)
    kinds = [word for word in words if word in ("ark", "scp")]
    options = [word for word in words if word not in ("ark", "scp")]
    if not colon or text[-1].isspace() or len(kinds) != 1 or set(options) - set(_READ_OPTIONS):
        return None
    values = dict(_READ_OPTIONS[word] for word in options if _READ_OPTIONS[word])
    return Rspecifier(text, kinds[0], rxfilename, **values)


def _write(text):
    before, colon, names = text.partition(":")
    words = re.split("[, ]", before)
    kinds = [word for word in words if word in ("ark", "scp")]
    options = [word for word in words if word not in ("ark", "scp")]
    if not colon or text[-1].isspace() or set(options) - set(_WRITE_OPTIONS):
        return None
    values = dict(_WRITE_OPTIONS[word] for word in options)
    if kinds == ["ark"]:
        return Wspecifier(text, names, None, **values)
    if kinds == ["scp"]:
        return Wspecifier(text, None, names, **values)
    if kinds == ["ark", "scp"] and "," in names:
        return Wspecifier(text, *names.split(",", 1), **values)
    return None
