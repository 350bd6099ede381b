"""Check that all utterances have enough voiced frames for an x-vector.

python -m steps_py.stages.check_voiced --data data/dev data/test \\
    --config '{"min_chunk_frames": 25}' --out exp/vad/voiced.tsv
"""

import argparse

from steps_py.files import atomic_write
from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", required=True, help="data directories")
    parser.add_argument("--config", required=True, help="section xvectors as JSON")
    parser.add_argument("--out", required=True, help="table: set, utterances, voiced frames")
    args = parser.parse_args(argv)

    # start-up time
    from steps_py.embeddings.config import XvectorsConfig
    from steps_py.embeddings.xvectors import check_lengths, open_features
    from steps_py.feats.config import CmvnConfig

    config = load_slice(args.config, XvectorsConfig, "xvectors")
    lines = ["set\tutterances\tfewest_voiced_frames\tvoiced_frames\n"]
    for data in args.data:
        feats = f"{data}/feats.scp"
        features, num_voiced_U = open_features(feats, f"{data}/vad.scp", CmvnConfig())
        check_lengths(features.utts, num_voiced_U, config, feats)
        counts = (len(num_voiced_U), num_voiced_U.min(), num_voiced_U.sum())
        lines.append("\t".join([data.rpartition("/")[2], *map(str, counts)]) + "\n")
    with atomic_write(args.out) as out:
        out.writelines(lines)


if __name__ == "__main__":
    run(main)
