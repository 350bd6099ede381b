"""Chunks to train on, of random features: inputs of `benchmarks.training` and `train_steps`."""

import numpy as np

from benchmarks import inputs
from steps_py.chunks.allocation import allocate_chunks, read_utterances, write_chunks
from steps_py.chunks.config import ChunksConfig
from steps_py.formats.holders import COMPRESSED_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import TableWriter

NUM_SPEAKERS, UTTS_PER_SPEAKER, NUM_FRAMES, DIM = 100, 10, 600, 30


def write_training_chunks(folder, scale=1.0):
    """Archives and tables of `scale` times 1,000 utterances, and folder/chunks."""
    rng = inputs.rng_of("training")
    speakers = [f"spk{s:03d}" for s in range(max(4, int(NUM_SPEAKERS * scale)))]
    utt2spk = {f"{spk}-{u}": spk for spk in speakers for u in range(UTTS_PER_SPEAKER)}
    with (
        TableWriter(f"ark,scp:{folder}/f.ark,{folder}/feats.scp", COMPRESSED_MATRIX(2)) as feats,
        TableWriter(f"ark,scp:{folder}/v.ark,{folder}/vad.scp", FLOAT_VECTOR) as vad,
    ):
        for utt in utt2spk:
            feats.write(utt, 10 * rng.standard_normal((NUM_FRAMES, DIM), np.float32))
            vad.write(utt, (rng.random(NUM_FRAMES) < 0.85).astype(np.float32))
    for name, value_of in (("utt2spk", utt2spk.get), ("utt2num_frames", lambda utt: NUM_FRAMES)):
        (folder / name).write_text("".join(f"{utt} {value_of(utt)}\n" for utt in utt2spk))
    utterances = read_utterances([folder])
    config = ChunksConfig(min_frames=300, max_frames=300, num_valid_utts=0)
    allocation = allocate_chunks(utterances, config, log=lambda line: None)
    write_chunks(utterances, allocation, folder / "chunks")
