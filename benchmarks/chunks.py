"""Random access to chunks of 300 frames (dimension 30) of an archive in the page cache."""

import numpy as np

from benchmarks import inputs
from benchmarks.harness import Case
from steps_py.formats.holders import COMPRESSED_MATRIX, FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import TableWriter

NUM_UTTS, NUM_FRAMES, DIM = 1500, 800, 30
HOLDERS = {"FM": FLOAT_MATRIX, "CM": COMPRESSED_MATRIX(2), "CM3": COMPRESSED_MATRIX(5)}
RAW_PER_UTT, VOICED_PER_UTT = 250, 40


def make_inputs(folder, scale=1.0):
    rng = inputs.rng_of("chunks")
    utts = [f"utt{u:05d}" for u in range(max(2, int(NUM_UTTS * scale)))]
    with TableWriter(f"ark,scp:{folder}/vad.ark,{folder}/vad.scp", FLOAT_VECTOR) as writer:
        for utt in utts:
            writer.write(utt, (rng.random(NUM_FRAMES) < 0.85).astype(np.float32))
    for kind, holder in HOLDERS.items():
        with TableWriter(f"ark,scp:{folder}/{kind}.ark,{folder}/{kind}.scp", holder) as writer:
            for utt in utts:
                writer.write(utt, 10 * rng.standard_normal((NUM_FRAMES, DIM), np.float32))


def cases():
    def argv(mode, kind, chunks_per_utt):
        options = (mode, str(chunks_per_utt), f"{kind}.scp", "vad.scp")
        return ("python3", "-m", "benchmarks.read_chunks", *options)

    num_raw, num_voiced = NUM_UTTS * RAW_PER_UTT, NUM_UTTS * VOICED_PER_UTT
    raw = [
        Case(
            name=f"{num_raw:,} chunks of 300 x 30 as bytes, {kind}",
            argv=argv("raw", kind, RAW_PER_UTT),
            rival=argv("bare", kind, RAW_PER_UTT),
            rival_name="pread",
            ratio_to="pread",
            at_most_ratio=1.25,
        )
        for kind in ("FM", "CM3")
    ]
    voiced = [
        Case(
            name=f"1,000 chunks of 300 x 30 after CMN and VAD, {kind}",
            argv=argv("voiced", kind, VOICED_PER_UTT),
            units=num_voiced // 1000,
            at_most_sec=1000 / 20_000,
        )
        for kind in HOLDERS
    ]
    return raw + voiced
