"""X-vectors by the network of Kaldi's voxceleb v2 recipe, random weights, on one core.

Shape suffixes (scope: this module):
    T = frames   D = dimension   I = inputs   O = outputs
"""

import numpy as np

from benchmarks import inputs
from benchmarks.harness import Case
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import TableWriter, write_object
from steps_py.nnet3.convert import Layer, XvectorParts, network_of_parts
from steps_py.nnet3.network_file import NNET

NUM_UTTS, DIM = 53, 30
# All utterances differ in length, as recordings do: Kaldi compiles the network for each length.
STEP_FRAMES = {11: 8, 5: 4}
# of run_xvector_1a.sh: offsets of the frames that a layer reads, and its outputs
TOPOLOGY = (
    ((-2, -1, 0, 1, 2), 512),
    ((-2, 0, 2), 512),
    ((-3, 0, 3), 512),
    ((0,), 512),
    ((0,), 1500),
)


def make_inputs(folder, scale=1.0):
    rng = inputs.rng_of("xvectors")
    layers, dim = [], DIM
    for offsets, width in TOPOLOGY:
        width = max(int(width * scale), 4)
        weight_OI, bias_O = _affine(rng, dim * len(offsets), width)
        mean_O, var_O = np.full(width, 0.4, np.float32), np.full(width, 0.5, np.float32)
        layers.append(Layer(offsets, weight_OI, bias_O, mean_O, var_O))
        dim = width
    embedding = _affine(rng, 2 * dim, max(int(512 * scale), 4))
    network = network_of_parts(XvectorParts(tuple(layers), 1e-10, *embedding))
    write_object(str(folder / "extract.raw"), NNET, network)
    for seconds, step_frames in STEP_FRAMES.items():
        with TableWriter(f"ark:{folder}/feats{seconds}.ark", FLOAT_MATRIX) as writer:
            for number in range(max(int(NUM_UTTS * scale), 1)):
                num_frames = 100 * seconds + step_frames * (number - NUM_UTTS // 2)
                x_TD = rng.standard_normal((num_frames, DIM), np.float32)
                writer.write(f"utt{number:02d}", x_TD)


def _affine(rng, num_inputs, num_outputs):
    weight_OI = rng.standard_normal((num_outputs, num_inputs)) / np.sqrt(num_inputs)
    return weight_OI.astype(np.float32), rng.standard_normal(num_outputs).astype(np.float32)


def cases():
    sizes = ("--use-gpu=no", "--min-chunk-size=25", "--chunk-size=10000")
    return [
        Case(
            name=f"nnet3-xvector-compute, {NUM_UTTS} utterances of about {seconds} s",
            argv=(
                *("nnet3-xvector-compute", *sizes, "extract.raw"),
                *(f"ark:feats{seconds}.ark", f"ark:xvectors{seconds}.ark"),
            ),
            at_most_ratio=ratio,
        )
        for seconds, ratio in ((11, 1 / 3), (5, 1 / 8))
    ]
