"""The rows of train.tsv for training from audio: where the recording is, and at which speed.

Which utterances are trained on or held out is decided before; speeds other than 1 then add
all that is trained on once more, by speakers of their own.
"""

import dataclasses
from pathlib import Path

import numpy as np

from steps_py.audio.random_access import check_entries
from steps_py.augment.speed import prefix_of
from steps_py.chunks.voiced_frames import VoicedFrames
from steps_py.chunks.voiced_speed import voiced_at_speed
from steps_py.data.data_dir import compare_keys, read_table
from steps_py.errors import DataDirError, some
from steps_py.formats.archives import Locations


def add_audio(utterances, allocation, data_dir, speeds, needed_frames, say=print):
    """Utterances and Allocation with the columns wav and speed, and with the speeds' speakers.

    Parameters
    ----------
    utterances : Utterances
        Of `data_dir` alone: wav.scp has an entry for each of them.
    speeds : list of float
    needed_frames : int
        Voiced frames that an utterance must have at its speed; what has fewer is left out.

    Raises
    ------
    DataDirError, AudioError
        If wav.scp has other utterances, or entries that need a program to be read.
    """
    path = Path(data_dir, "wav.scp")
    wavs = read_table(path)
    if faults := compare_keys(wavs.keys(), utterances.utts, path, Path(data_dir, "feats.scp")):
        raise DataDirError(faults[0])
    odd = [utt for utt in utterances.utts if "\t" in wavs[utt]]
    if odd:
        raise DataDirError(f"{path}: {some(odd)}: a tab in the entry. Rename the files.")
    check_entries(utterances.utts, [wavs[utt] for utt in utterances.utts], path)
    parts, rows, spk2id = [], [allocation.train_rows], dict(allocation.spk2id)
    original = _copies(utterances, np.arange(len(utterances.utts)), wavs, 1.0)
    parts.append(original)
    for speed in sorted(speed for speed in speeds if speed != 1):
        part = _copies(utterances, allocation.train_rows, wavs, speed)
        kept = np.flatnonzero(part.num_voiced_U >= max(1, needed_frames))
        for spk in sorted({part.spks[row] for row in kept}):
            spk2id[spk] = len(spk2id)
        rows.append(sum(len(each.utts) for each in parts) + kept)
        parts.append(part)
        say(
            f"chunks: {len(kept)} of {len(part.utts)} utterances at speed {speed:g}, whose"
            f" speakers count as others"
        )
    return _joined(parts), dataclasses.replace(
        allocation, train_rows=np.concatenate(rows), spk2id=spk2id
    )


def _copies(utterances, rows, wavs, speed):
    """The Utterances in `rows` at a speed."""
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
