"""Small data directories with features and decisions, written without the code under test."""

import struct

import numpy as np

from steps_py.formats.compressed import compress

KINDS = {"CM": 2, "CM2": 3, "CM3": 5}  # Kaldi's compression methods


def matrix_bytes(x_TD, kind="FM"):
    """A matrix as Kaldi writes it into an archive, after the key."""
    if kind in KINDS:
        return b"\0B" + compress(x_TD, KINDS[kind])
    body = x_TD.astype("<f4" if kind == "FM" else "<f8").tobytes()
    return (
        b"\0B" + kind.encode() + b" " + struct.pack("<bibi", 4, len(x_TD), 4, x_TD.shape[1]) + body
    )


def vector_bytes(x_D, kind="FV"):
    body = np.asarray(x_D).astype("<f4" if kind == "FV" else "<f8").tobytes()
    return b"\0B" + kind.encode() + b" " + struct.pack("<bi", 4, len(x_D)) + body


def write_archive(ark, scp, objects):
    """Objects are {key: bytes}; the entries of the script file are returned, too."""
    entries = {}
    with open(ark, "wb") as out:
        for key, data in objects.items():
            out.write(key.encode() + b" ")
            entries[key] = f"{ark}:{out.tell()}"
            out.write(data)
    write_lines(scp, entries)
    return entries


def write_lines(path, table):
    path.write_text("".join(f"{key} {table[key]}\n" for key in sorted(table)))


def write_data_dir(folder, utts, kind="FM", utt2uniq=None):
    """Utterances are {utt: (spk, x_TD, voiced_T)}."""
    folder.mkdir(parents=True)
    feats = {utt: matrix_bytes(x_TD, kind) for utt, (_, x_TD, _) in utts.items()}
    vad = {utt: vector_bytes(voiced_T) for utt, (_, _, voiced_T) in utts.items()}
    write_archive(folder / "feats.ark", folder / "feats.scp", feats)
    write_archive(folder / "vad.ark", folder / "vad.scp", vad)
    write_lines(folder / "utt2spk", {utt: spk for utt, (spk, _, _) in utts.items()})
    write_lines(folder / "utt2num_frames", {utt: len(x) for utt, (_, x, _) in utts.items()})
    if utt2uniq:
        write_lines(folder / "utt2uniq", utt2uniq)
    return folder


def draw_utts(num_speakers, utts_per_speaker, seed=0, dim=4, frames=(30, 60)):
    """Speakers who differ in the mean of their features' slow part and in their scale."""
    rng = np.random.default_rng(seed)
    utts = {}
    for s in range(num_speakers):
        color_D = rng.standard_normal(dim)
        for u in range(utts_per_speaker):
            num_frames = int(rng.integers(*frames))
            beat_T1 = np.sin(0.3 * (s + 1) * np.arange(num_frames))[:, np.newaxis]
            x_TD = beat_T1 * color_D + 0.3 * rng.standard_normal((num_frames, dim))
            voiced_T = rng.random(num_frames) < 0.9
            utts[f"spk{s:02d}-utt{u:02d}"] = (f"spk{s:02d}", x_TD.astype(np.float32), voiced_T)
    return utts
