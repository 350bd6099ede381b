"""X-vectors by onnxruntime on an exported network, as a process to be timed."""

import sys

import numpy as np
import onnxruntime

from steps_py.embeddings.xvectors import open_features
from steps_py.feats.config import CmvnConfig
from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import TableWriter


def main(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(f"{name}.onnx", options)
    (of_features,) = session.get_inputs()
    features, _ = open_features(f"{name}.scp", f"{name}.vad.scp", CmvnConfig())
    with TableWriter("ark,scp:others.ark,others.scp", FLOAT_VECTOR) as writer:
        for row, utt in enumerate(features.utts):
            (xvector_BE,) = session.run(None, {of_features.name: features.read(row)[np.newaxis]})
            writer.write(utt, xvector_BE[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
