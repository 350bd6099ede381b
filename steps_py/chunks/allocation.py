"""Selects training utterances, held-out utterances and speaker ids.

The result is an index into feats.scp and vad.scp, not a copy of features: training cuts a new
chunk each time, and `steps_py.chunks.host_features` reads it from the archive.

Array suffixes (scope: this module):
    U = utterances   G = groups: an utterance and its augmented copies   S = speakers
"""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from steps_py.chunks.config import ChunksConfig
from steps_py.chunks.voiced_frames import VoicedFrames
from steps_py.data.data_dir import compare_keys, read_table
from steps_py.draws import generator
from steps_py.errors import ConfigError, DataDirError, TableError, some
from steps_py.files import atomic_write
from steps_py.formats.archives import Locations

COLUMNS = ("utt", "spk_id", "num_frames", "feats", "vad")
AUDIO_COLUMNS = ("wav", "speed")  # for training from audio


@dataclasses.dataclass(frozen=True, kw_only=True)
class Utterances:
    """Utterances of data directories, in C order.

    `sources` holds the utterance that each one is an augmented copy of, or its own name.
    `wavs` and `speeds` are set for training from audio, see `steps_py.chunks.audio_rows`.
    """

    utts: list
    spks: list
    sources: list
    feats: list
    vad: list
    num_voiced_U: np.ndarray
    wavs: list | None = None
    speeds: list | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Allocation:
    """Rows of `Utterances` to train on and to hold out, and ``spk2id``.

    `valid_rows` are utterances of training speakers, `valid_speaker_rows` of held-out speakers.
    """

    train_rows: np.ndarray
    valid_rows: np.ndarray
    valid_speaker_rows: np.ndarray
    spk2id: dict


def read_utterances(data_dirs: Sequence[str | Path]) -> Utterances:
    """Read the tables and voice decisions of `data_dirs`.

    Each directory has feats.scp, vad.scp, utt2spk and utt2num_frames with the same keys, and
    optionally utt2uniq, which maps an augmented utterance to its original.

    Raises DataDirError if keys differ, an utterance is in two directories, or features and
    decisions differ in length.
    """
    rows = {}
    for data_dir in map(Path, data_dirs):
        tables = _read_tables(data_dir)
        duplicates = rows.keys() & tables[0].keys()
        if duplicates:
            raise DataDirError(
                f"{data_dir}: {len(duplicates)} utterances ({some(sorted(duplicates))}) are also in"
                f" another of {', '.join(map(str, data_dirs))}. Rename them."
            )
        rows.update((utt, [table[utt] for table in tables]) for utt in tables[0])
    utts = sorted(rows)
    if not utts:
        raise DataDirError(f"{', '.join(map(str, data_dirs))}: no utterances.")
    spks, feats, vad, num_frames, sources = map(list, zip(*(rows[u] for u in utts), strict=True))
    voiced = VoicedFrames(utts, Locations(vad))
    _check_lengths(utts, np.array(num_frames, np.int64), voiced.num_frames_U)
    return Utterances(
        utts=utts,
        spks=spks,
        sources=sources,
        feats=feats,
        vad=vad,
        num_voiced_U=voiced.num_voiced_U,
    )


def _read_tables(data_dir):
    names = ["utt2spk", "feats.scp", "vad.scp", "utt2num_frames"]
    tables = [read_table(data_dir / name) for name in names]
    faults = []
    for name, table in zip(names[1:], tables[1:], strict=True):
        faults += compare_keys(
            table.keys(), tables[0].keys(), data_dir / name, data_dir / "utt2spk"
        )
    if faults:
        raise DataDirError("\n".join(faults))
    try:
        np.array(list(tables[3].values()), np.int64)
    except ValueError as error:
        raise DataDirError(f"{data_dir}/utt2num_frames: {error}. Make it again.") from None
    utt2uniq = data_dir / "utt2uniq"
    sources = read_table(utt2uniq) if utt2uniq.exists() else {}
    return [*tables, {utt: sources.get(utt, utt) for utt in tables[0]}]


def _check_lengths(utts, num_frames_U, num_decisions_U):
    wrong = np.flatnonzero(num_frames_U != num_decisions_U)
    if wrong.size:
        shown = [f"{utts[u]}: {num_frames_U[u]} and {num_decisions_U[u]}" for u in wrong]
        raise DataDirError(
            f"chunks: features and voice decisions differ in length for {wrong.size} of"
            f" {len(utts)} utterances ({some(shown)}). Compute both from the same audio."
        )


def allocate_chunks(
    utterances: Utterances, config: ChunksConfig, log: Callable[[str], object] = print
) -> Allocation:
    """Select utterances; `log` is called with a message about each kind that is dropped.

    As in Kaldi's recipes, short utterances are dropped first, then speakers with too few of the
    remaining ones.
    Raises DataDirError if fewer than two speakers remain, ConfigError if fewer utterances can be
    held out than configured.
    """
    speakers = sorted(set(utterances.spks))
    id_of = {spk: i for i, spk in enumerate(speakers)}
    spk_U = np.array([id_of[spk] for spk in utterances.spks], np.int64)
    kept_U = _long_enough(utterances, config, log)
    kept_U &= _of_frequent_speakers(spk_U, kept_U, config, log)
    held_out_U = _of_held_out_speakers(spk_U, kept_U, config)
    valid_speaker_rows = _originals(utterances, kept_U & held_out_U, config, log)
    kept_U &= ~held_out_U
    kept_S = np.bincount(spk_U[kept_U], minlength=len(speakers)) > 0
    _check_speakers(
        [spk for spk, kept in zip(speakers, kept_S, strict=True) if kept], len(speakers), config
    )

    rows = np.flatnonzero(kept_U)
    held_out, valid_rows = _hold_out(utterances, spk_U, rows, config)
    train_rows = rows[~held_out]
    if config.num_valid_utts:
        num_copies = held_out.sum() - len(valid_rows)
        log(f"chunks: held out {len(valid_rows)} utterances and {num_copies} copies of them")
    spk2id = {speakers[s]: i for i, s in enumerate(np.flatnonzero(kept_S))}
    log(
        f"chunks: {len(train_rows)} utterances of {len(spk2id)} speakers to train on,"
        f" {utterances.num_voiced_U[train_rows].sum()} voiced frames"
    )
    return Allocation(
        train_rows=train_rows,
        valid_rows=valid_rows,
        valid_speaker_rows=valid_speaker_rows,
        spk2id=spk2id,
    )


def _long_enough(utterances, config, log):
    num_voiced_U = utterances.num_voiced_U
    silent = np.flatnonzero(num_voiced_U == 0)
    if silent.size:
        names = some([utterances.utts[u] for u in silent])
        log(
            f"chunks: no voiced frames in {silent.size} of {len(num_voiced_U)} utterances ({names})"
        )
    kept_U = num_voiced_U >= max(1, config.needed_frames)
    if not kept_U.all():
        log(
            f"chunks: dropped {(~kept_U).sum()} of {len(kept_U)} utterances"
            f" (fewer than {config.needed_frames} voiced frames)"
        )
    return kept_U


def _of_frequent_speakers(spk_U, kept_U, config, log):
    count_S = np.bincount(spk_U[kept_U], minlength=spk_U.max() + 1)
    frequent_S = count_S >= max(1, config.min_utts_per_speaker)
    if not frequent_S.all():
        log(
            f"chunks: dropped {(~frequent_S).sum()} of {len(frequent_S)} speakers (fewer than"
            f" {max(1, config.min_utts_per_speaker)} utterances) and their"
            f" {count_S[~frequent_S].sum()} utterances"
        )
    return frequent_S[spk_U]


def _check_speakers(left, num_speakers, config):
    if len(left) >= 2:
        return
    only = f" ({left[0]})" if left else ""
    if num_speakers < 2:
        raise DataDirError(f"chunks: all utterances are of one speaker{only}; training needs two.")
    fix = "chunks.min_utts_per_speaker or chunks.min_utt_frames"
    if config.needed_frames > config.min_utt_frames:
        fix = "chunks.max_frames, or set chunks.short_utts to tile"
    raise DataDirError(
        f"chunks: {len(left)} of {num_speakers} speakers{only} have"
        f" {max(1, config.min_utts_per_speaker)} utterances of {config.needed_frames} voiced"
        f" frames; training needs two speakers. Lower {fix}."
    )


def _of_held_out_speakers(spk_U, kept_U, config):
    """Mask of the utterances of held-out speakers."""
    speakers = np.unique(spk_U[kept_U])
    if config.num_valid_speakers and len(speakers) - config.num_valid_speakers < 2:
        raise ConfigError(
            f"chunks: num_valid_speakers is {config.num_valid_speakers}, but there are"
            f" {len(speakers)} speakers, and training needs two. Lower it."
        )
    drawn = generator(config.seed, "valid_speakers").permutation(speakers)
    return np.isin(spk_U, drawn[: config.num_valid_speakers])


def _originals(utterances, held_out_U, config, log):
    """Rows of the held-out speakers' utterances that are not augmented copies."""
    rows = np.flatnonzero(held_out_U)
    is_original = [utterances.sources[u] == utterances.utts[u] for u in rows]
    originals = rows[np.array(is_original, bool)]
    if config.num_valid_speakers:
        log(
            f"chunks: held out {config.num_valid_speakers} speakers, {len(originals)} utterances"
            f" and {len(rows) - len(originals)} copies of them"
        )
    return originals


def _hold_out(utterances, spk_U, rows, config):
    """Mask of `rows` that are held out, copies included, and the rows to validate on.

    Groups are drawn, so that no copy of a held-out utterance is trained on.  One group of each
    speaker is always kept for training.
    """
    group_of = {}
    group_R = np.array([group_of.setdefault(utterances.sources[u], len(group_of)) for u in rows])
    is_copy_R = np.array([utterances.sources[u] != utterances.utts[u] for u in rows], bool)
    order_R = np.lexsort((is_copy_R, group_R))  # the original comes first in its group
    first_G = order_R[np.unique(group_R[order_R], return_index=True)[1]]
    spk_G = spk_U[rows[first_G]]

    drawn_G = np.random.default_rng(config.seed).permutation(len(first_G))
    last_S = np.unique(spk_G[drawn_G[::-1]], return_index=True)[1]
    kept_for_training = drawn_G[::-1][last_S]
    drawn_G = drawn_G[~np.isin(drawn_G, kept_for_training)]
    if len(drawn_G) < config.num_valid_utts:
        raise ConfigError(
            f"chunks: num_valid_utts is {config.num_valid_utts}, but only {len(drawn_G)}"
            " utterances can be held out, as each speaker keeps one. Lower it."
        )
    chosen_G = drawn_G[: config.num_valid_utts]
    return np.isin(group_R, chosen_G), np.sort(rows[first_G[chosen_G]])


def write_chunks(utterances: Utterances, allocation: Allocation, out_dir: str | Path) -> None:
    """Write train.tsv, valid.tsv, valid_speakers.tsv and spk2id; all of them or none."""
    out_dir, spk2id = Path(out_dir), allocation.spk2id
    others = sorted({utterances.spks[u] for u in allocation.valid_speaker_rows})
    tables = {
        "train": (allocation.train_rows, spk2id),
        "valid": (allocation.valid_rows, spk2id),
        "valid_speakers": (allocation.valid_speaker_rows, {spk: i for i, spk in enumerate(others)}),
    }
    with contextlib.ExitStack() as stack:
        for name, (rows, ids) in tables.items():
            out = stack.enter_context(atomic_write(out_dir / f"{name}.tsv"))
            out.write("\t".join(COLUMNS + (AUDIO_COLUMNS if utterances.wavs else ())) + "\n")
            num_voiced = utterances.num_voiced_U[rows].tolist()
            out.writelines(
                f"{utterances.utts[u]}\t{ids[utterances.spks[u]]}\t{frames}"
                f"\t{utterances.feats[u]}\t{utterances.vad[u]}{_audio(utterances, u)}\n"
                for u, frames in zip(rows.tolist(), num_voiced, strict=True)
            )
        out = stack.enter_context(atomic_write(out_dir / "spk2id"))
        out.writelines(f"{spk} {spk_id}\n" for spk, spk_id in sorted(spk2id.items()))


def _audio(utterances, row):
    return f"\t{utterances.wavs[row]}\t{utterances.speeds[row]:g}" if utterances.wavs else ""


class Chunks:
    """The rows of train.tsv, valid.tsv or valid_speakers.tsv.

    Attributes
    ----------
    path : path
    utts : list of str
    spk_id_U, num_frames_U : int64 arrays
        Speaker ids, and numbers of voiced frames.
    feats, vad : Locations
    wavs : list of str, or None
        Entries of wav.scp, in tables for training from audio.
    speed_U : float64 array, or None
        Speeds of playback, likewise.
    digest : str
        SHA-256 of the file.
    """

    def __init__(self, path: str | Path):
        content = Path(path).read_bytes()
        header, _, body = content.decode().partition("\n")
        fields = body.replace("\n", "\t").split("\t")[:-1]
        names = COLUMNS + AUDIO_COLUMNS if header.endswith(AUDIO_COLUMNS[-1]) else COLUMNS
        if header != "\t".join(names) or len(fields) != len(names) * body.count("\n"):
            raise TableError(f"{path}: not a table of {', '.join(COLUMNS)}. Make it again.")
        columns = [fields[i :: len(names)] for i in range(len(names))]
        self.path = path
        self.utts = columns[0]
        self.spk_id_U = np.array(columns[1], np.int64)
        self.num_frames_U = np.array(columns[2], np.int64)
        self.feats = Locations(columns[3])
        self.vad = Locations(columns[4])
        self.wavs = columns[5] if len(names) > 5 else None
        self.speed_U = np.array(columns[6], np.float64) if len(names) > 5 else None
        self.digest = hashlib.sha256(content).hexdigest()

    def __len__(self):
        return len(self.utts)
