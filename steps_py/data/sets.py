"""Sets of a recipe: joins corpus parts, compares sets, splits and joins tables."""

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from steps_py.data.data_dir import (
    check_data_dir,
    compare_keys,
    compare_sorted_keys,
    iterate_table,
    merge_tables,
    read_table,
    write_tables,
)
from steps_py.errors import DataDirError, some
from steps_py.files import atomic_write

if TYPE_CHECKING:
    from steps_py.data.corpora import Utterance

PART_TWICE = "Name each part once in data.sets, or set id_prefix of one corpus."
PART_TABLES = ("wav.scp", "utt2spk", "utt2dur")


def write_part(folder: str | Path, utterances: "list[Utterance]") -> None:
    """Write wav.scp, utt2spk and utt2dur (s) of a corpus part."""
    folder = Path(folder)
    write_tables(
        {
            folder / "wav.scp": [(u.utt, u.wav) for u in utterances],
            folder / "utt2spk": [(u.utt, u.spk) for u in utterances],
            folder / "utt2dur": [(u.utt, f"{u.duration_sec:.4f}") for u in utterances],
        }
    )


def combine_parts(parts: list, out: str | Path) -> tuple[int, int]:
    """Join the parts ``data/parts/<corpus>.<part>`` to the data directory `out`.

    DataDirError if an utterance is in two parts, or a speaker in two corpora: the same
    number in two corpora is seldom the same person.  Returns (utterances, speakers).
    """
    parts, out = [Path(part) for part in parts], Path(out)
    utts_of, num_utts = _read_speakers(parts)
    with contextlib.ExitStack() as stack:  # all tables or none
        utt2spk = stack.enter_context(atomic_write(out / "utt2spk", "wb"))
        _write_merged(utt2spk, parts, "utt2spk")
        for name in ("wav.scp", "utt2dur"):
            file = stack.enter_context(atomic_write(out / name, "wb"))
            _write_merged(file, parts, name)
            got, want = ((utt for utt, _ in iterate_table(f.name)) for f in (file, utt2spk))
            faults = compare_sorted_keys(got, want, out / name, out / "utt2spk")
            if faults:
                raise DataDirError(f"{faults[0]}. Make the parts again.")
        spk2utt = stack.enter_context(atomic_write(out / "spk2utt", "wb"))
        spk2utt.writelines(b"%b %b\n" % (spk.encode(), utts_of[spk]) for spk in sorted(utts_of))
        spk2utt.flush()
    return num_utts, len(utts_of)


def _write_merged(file, parts, name):
    rows = merge_tables([part / name for part in parts], PART_TWICE)
    file.writelines(f"{key} {value}\n".encode() for key, value, _ in rows)
    file.flush()  # a full disk is detected before the first file is renamed


def _read_speakers(parts):
    """The utterances of each speaker, as text, and their number."""
    utts_of, num_utts, speakers_of = {}, 0, {part: set() for part in parts}
    for utt, spk, place in merge_tables([part / "utt2spk" for part in parts], PART_TWICE):
        speakers_of[parts[place]].add(spk)
        utts = utts_of.setdefault(spk, bytearray())
        utts += b" " + utt.encode() if utts else utt.encode()
        num_utts += 1
    _check_speakers_of_corpora(speakers_of)
    return utts_of, num_utts


def _check_speakers_of_corpora(speakers_of):
    """Raise DataDirError for a speaker id in two corpora, which would merge two people."""
    corpus_of = {}
    for part, speakers in speakers_of.items():
        corpus = part.name.partition(".")[0]
        for spk in sorted(speakers & corpus_of.keys()):
            if corpus_of[spk] != corpus:
                raise DataDirError(
                    f"{part}: speaker '{spk}' is in {corpus_of[spk]} too. If they are two"
                    f" people, set data.corpora.{corpus}.id_prefix."
                )
        corpus_of |= dict.fromkeys(speakers, corpus)


def check_sets(
    train: list[str], test: list[str], closed_set: bool = False
) -> list[tuple[str, int, int, float]]:
    """Check every data directory and that no speaker is both trained on and tested.

    `train` and `test` are lists of paths; a path in both is a DataDirError as well. With
    `closed_set` speakers may be in both, but no utterance.
    Returns rows (set, speakers, utterances, hours), in the order given.
    """
    rows, speakers, faults = [], {}, []  # or utterances, of a closed set
    for path in dict.fromkeys([*train, *test]):
        try:
            # only tables of this step: features of an earlier run will be recomputed
            found = check_data_dir(path, keyed=("wav.scp", "utt2dur"))
        except DataDirError as error:
            faults.append(str(error))
            continue
        speakers[path] = read_table(f"{path}/utt2spk").keys() if closed_set else found.speakers
        rows.append((found.path.name, len(found.speakers), found.num_utts, found.hours))
    for one in train:
        for other in test:
            both = speakers.get(one, set()) & speakers.get(other, set())
            if both and closed_set:
                faults.append(
                    f"{one}: {len(both)} of {len(speakers[one])} utterances are also in {other}"
                    f" ({some(sorted(both))}). Train and test on different utterances: choose other"
                    " corpus parts in data.sets."
                )
            elif both:
                faults.append(
                    f"{one}: {len(both)} of {len(speakers[one])} speakers are also in {other}"
                    f" ({some(sorted(both))}). Train and test on different speakers: edit"
                    " the lists of files, or name their utterances in exclude; where whole corpus"
                    " parts overlap, choose others in data.sets."
                )
    if faults:
        raise DataDirError("\n".join(faults))
    return rows


def write_sets(path: str | Path, rows: list[tuple[str, int, int, float]]) -> str:
    """Write ``data/sets.tsv``; returns its text."""
    header = ("set", "speakers", "utterances", "hours")
    lines = [header, *((name, spks, utts, f"{hours:.2f}") for name, spks, utts, hours in rows)]
    text = "".join("\t".join(map(str, line)) + "\n" for line in lines)
    with atomic_write(path) as out:
        out.write(text)
    return text


def split_table(path: str | Path, outs: list[Path]) -> None:
    """Split a table into contiguous pieces whose sizes differ by at most one line.

    The first pieces are the longer ones; with fewer lines than pieces the last are empty.
    """
    num_lines = sum(1 for _ in iterate_table(path))  # raises the error of an invalid table
    size, longer = divmod(num_lines, len(outs))
    with open(path, "rb") as lines:
        for number, out in enumerate(outs):
            with atomic_write(out, "wb") as file:
                for line in itertools.islice(lines, size + (number < longer)):
                    file.write(line if line.endswith(b"\n") else line + b"\n")


def gather_tables(
    parts: list[Path], keys: Path, out: str | Path, check: Callable | None = None
) -> None:
    """Join tables in the order given and check that their keys are those of the table `keys`.

    Raises DataDirError, without writing, if a key is missing or unexpected, or the pieces are
    not in C order.  The tables are read line by line.  `check` is
    called with the joined rows, an iterator of (key, value), before the table appears.
    """
    with atomic_write(out, "wb") as file:
        wanted, same = (key for key, _ in iterate_table(keys)), True
        for key, value in _rows_of_parts(parts):
            same = same and key == next(wanted, None)
            file.write(f"{key} {value}\n".encode())
        if not same or next(wanted, None) is not None:
            joined = {key for key, _ in _rows_of_parts(parts)}
            faults = compare_keys(joined, read_table(keys).keys(), out, keys)
            raise DataDirError(f"{faults[0]}. The logs of the parts say why.")
        if check is not None:
            check(_rows_of_parts(parts))


def _rows_of_parts(parts):
    """The rows of tables that follow one another in C order."""
    last = None
    for part in parts:
        for key, value in iterate_table(part):
            if last is not None and key <= last:  # of the part before: each is in order
                raise DataDirError(
                    f"{part}: begins with '{key}', but the part before it ends with '{last}'."
                    " Give the parts in the order in which split_table made them."
                )
            last = key
            yield key, value
