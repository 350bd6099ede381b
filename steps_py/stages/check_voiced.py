"""Count the voiced frames of a set whose x-vectors are wanted; too few are an error.

python -m steps_py.stages.check_voiced --feats data/dev/feats.scp --vad data/dev/vad.scp \\
    --config '{"min_chunk_frames": 25}' --out exp/vad/dev/num_voiced
"""

import argparse

from steps_py.data.data_dir import write_table
from steps_py.recipe.config import load_slice
from steps_py.stages import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--feats", required=True)
    parser.add_argument("--vad", required=True)
    parser.add_argument("--config", required=True, help="section xvectors as JSON")
    parser.add_argument("--out", required=True, help="table of utterance, voiced frames")
    args = parser.parse_args(argv)

    from steps_py.embeddings.xvectors import XvectorsConfig, check_lengths, open_features
    from steps_py.feats.cmvn import CmvnConfig

    config = load_slice(args.config, XvectorsConfig, "xvectors")
    features, num_voiced_U = open_features(args.feats, args.vad, CmvnConfig())
    check_lengths(features.utts, num_voiced_U, config, args.feats)
    voiced = zip(features.utts, num_voiced_U.tolist(), strict=True)
    write_table(args.out, ((utt, str(num)) for utt, num in voiced))


if __name__ == "__main__":
    run(main)
