"""Reads random chunks of 300 frames from feats.scp, as a process to be timed.

    python -m benchmarks.read_chunks bare|raw|voiced <chunks per utterance> feats.scp vad.scp

bare: the same bytes by os.pread alone.  raw: by the index, as bytes, in batches.  voiced:
normalised and voiced, as training on a CPU reads them.
"""

import os
import sys

import numpy as np

from steps_py.chunks.host_features import VoicedFeatures
from steps_py.data.data_dir import read_table
from steps_py.feats.config import CmvnConfig
from steps_py.formats.archives import Locations, MatrixIndex

CHUNK_FRAMES, BATCH_SIZE = 300, 128


def draw(num_frames_U, num_chunks):
    """Rows and first frames of chunks."""
    rng = np.random.default_rng(0)
    row_C = rng.integers(0, len(num_frames_U), num_chunks)
    return row_C, rng.integers(0, num_frames_U[row_C] - CHUNK_FRAMES + 1)


def read_bare(index, num_chunks):
    row_C, first_C = draw(index.num_rows_U, num_chunks)
    row_bytes = index.row_bytes(int(index.kind_U[0]), int(index.num_cols_U[0]))
    file, size = os.open(index.files[0], os.O_RDONLY), CHUNK_FRAMES * row_bytes
    for offset in (index.body_U[row_C] + first_C * row_bytes).tolist():
        os.pread(file, size, offset)


def read_raw(index, num_chunks):
    row_C, first_C = draw(index.num_rows_U, num_chunks)
    row_bytes = index.row_bytes(int(index.kind_U[0]), int(index.num_cols_U[0]))
    out_BN = np.empty((BATCH_SIZE, CHUNK_FRAMES * row_bytes), np.uint8)
    for c in range(0, num_chunks, BATCH_SIZE):
        row_B, first_B = row_C[c : c + BATCH_SIZE], first_C[c : c + BATCH_SIZE]
        index.read_bytes(row_B, first_B, first_B + CHUNK_FRAMES, out_BN[: len(row_B)])


def read_voiced(features, num_chunks):
    row_C, first_C = draw(features.voiced.num_voiced_U, num_chunks)
    for row, first in zip(row_C.tolist(), first_C.tolist(), strict=True):
        features.read(row, first, CHUNK_FRAMES)


def main():
    mode, chunks_per_utt, feats_scp, vad_scp = sys.argv[1:]
    feats, vad = read_table(feats_scp), read_table(vad_scp)
    utts, places = list(feats), Locations(feats.values())
    num_chunks = int(chunks_per_utt) * len(utts)
    if mode == "voiced":
        features = VoicedFeatures(utts, places, Locations(vad.values()), CmvnConfig())
        read_voiced(features, num_chunks)
    else:
        {"bare": read_bare, "raw": read_raw}[mode](MatrixIndex(utts, places), num_chunks)


if __name__ == "__main__":
    main()
