"""The columns of train.tsv for training from audio: recordings and speeds of playback.

Training and held-out utterances are selected before.  Each speed other than 1 adds a copy of all
training utterances with new speakers.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from steps_py.audio.random_access import check_entries
from steps_py.augment.speed import prefix_of
from steps_py.chunks.allocation import Allocation, Utterances
from steps_py.chunks.voiced_frames import VoicedFrames
from steps_py.chunks.voiced_speed import voiced_at_speed
from steps_py.data.data_dir import compare_keys, join_tables, read_table
from steps_py.errors import DataDirError, some
from steps_py.formats.archives import Locations


def add_audio(
    utterances: Utterances,
    allocation: Allocation,
    data_dirs: Sequence[str | Path],
    speeds: Sequence[float],
    needed_frames: int,
    log: Callable[[str], object] = print,
) -> tuple[Utterances, Allocation]:
    """Add the columns wav and speed, and the utterances and speakers at other speeds.

    Parameters
    ----------
    utterances : Utterances
        Of `data_dirs` only; wav.scp there has an entry for each of them.
    speeds : list of float
    needed_frames : int
        Utterances with fewer voiced frames at their speed are dropped.
    log : callable
        Called with each message.

    Raises
    ------
    DataDirError, AudioError
        If wav.scp has other utterances, or entries that need an external program.
    """
    paths = [Path(data_dir, "wav.scp") for data_dir in data_dirs]
    for path in paths:
        feats = path.with_name("feats.scp")
        keys = read_table(path).keys(), read_table(feats).keys()
        if faults := compare_keys(*keys, path, feats):
            raise DataDirError(faults[0])
    path, wavs = " ".join(map(str, paths)), join_tables(paths, "Rename them.")
    with_tabs = [utt for utt in utterances.utts if "\t" in wavs[utt]]
    if with_tabs:
        raise DataDirError(f"{path}: entries of {some(with_tabs)} contain a tab. Rename the files.")
    check_entries(utterances.utts, [wavs[utt] for utt in utterances.utts], path)
    parts = [_copies(utterances, np.arange(len(utterances.utts)), wavs, 1.0)]
    rows, spk2id = [allocation.train_rows], dict(allocation.spk2id)
    for speed in sorted(speed for speed in speeds if speed != 1):
        part = _copies(utterances, allocation.train_rows, wavs, speed)
        kept = np.flatnonzero(part.num_voiced_U >= max(1, needed_frames))
        for spk in sorted({part.spks[row] for row in kept}):
            spk2id[spk] = len(spk2id)
        rows.append(sum(len(each.utts) for each in parts) + kept)
        parts.append(part)
        log(
            f"chunks: {len(kept)} of {len(part.utts)} utterances at speed {speed:g}, with new"
            " speakers"
        )
    return _joined(parts), dataclasses.replace(
        allocation, train_rows=np.concatenate(rows), spk2id=spk2id
    )


def _copies(utterances, rows, wavs, speed):
    """The utterances in `rows`, played at a speed."""
    prefix, rows = prefix_of(speed), rows.tolist()
    utts = [utterances.utts[row] for row in rows]
    vad = [utterances.vad[row] for row in rows]
    num_voiced_U = utterances.num_voiced_U[rows]
    if speed != 1:
        voiced = VoicedFrames(utts, Locations(vad))
        num_frames = voiced.num_frames_U.tolist()
        num_voiced_U = [
            len(voiced_at_speed(voiced.frames(i), num_frames[i], speed)) for i in range(len(rows))
        ]
    return dataclasses.replace(
        utterances,
        utts=[prefix + utt for utt in utts],
        spks=[prefix + utterances.spks[row] for row in rows],
        sources=[utterances.sources[row] for row in rows],
        feats=[utterances.feats[row] for row in rows],
        vad=vad,
        num_voiced_U=np.array(num_voiced_U, np.int64),
        wavs=[wavs[utt] for utt in utts],
        speeds=[speed] * len(rows),
    )


def _joined(parts):
    lists = {
        name: [value for part in parts for value in getattr(part, name)]
        for name in ("utts", "spks", "sources", "feats", "vad", "wavs", "speeds")
    }
    num_voiced_U = np.concatenate([part.num_voiced_U for part in parts])
    return dataclasses.replace(parts[0], num_voiced_U=num_voiced_U, **lists)
