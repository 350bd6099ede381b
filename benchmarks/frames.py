"""CMN, VAD and frame selection of 3.3 million frames (dimension 30)."""

import numpy as np

from benchmarks import inputs
from benchmarks.harness import Case
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import TableWriter

NUM_FRAMES, DIM = 3_300_000, 30


def make_inputs(folder, scale=1.0):
    rng = inputs.rng_of("frames")
    counts = inputs.frame_counts("frames", int(NUM_FRAMES * scale), 400, 1200)
    with (
        TableWriter(f"ark:{folder}/feats.ark", FLOAT_MATRIX) as feats,
        TableWriter(f"ark:{folder}/vad.ark", FLOAT_VECTOR) as vad,
    ):
        for number, num_frames in enumerate(counts):
            x_TD = rng.standard_normal((num_frames, DIM), np.float32)
            x_TD[:, 0] = 14 + 4 * np.sin(np.arange(num_frames) / 20) + x_TD[:, 0]
            feats.write(f"utt{number:05d}", x_TD)
            vad.write(f"utt{number:05d}", (x_TD[:, 0] > 13).astype(np.float32))


def cases():
    sliding = ("--norm-vars=false", "--center=true", "--cmn-window=300")
    energy = (
        "--vad-energy-threshold=5.5",
        "--vad-energy-mean-scale=0.5",
        "--vad-proportion-threshold=0.12",
        "--vad-frames-context=2",
    )
    commands = (
        ("apply-cmvn-sliding", *sliding, "ark:feats.ark", "ark:cmn.ark"),
        ("compute-vad", *energy, "ark:feats.ark", "ark:energy.ark"),
        ("select-voiced-frames", "ark:feats.ark", "ark:vad.ark", "ark:voiced.ark"),
    )
    return [
        Case(name=f"{argv[0]}, 3.3 M frames of 30", argv=argv, at_most_ratio=1.5)
        for argv in commands
    ]
