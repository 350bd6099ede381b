"""Cluster the x-vectors of unlabelled utterances; the clusters are labels to train on.

python -m steps_py.stages.cluster_xvectors --config JSON --keys data/train/feats.scp \\
    --xvectors exp/pseudo_labels/2/xvector.1-of-1.scp --before exp/pseudo_labels/1 \\
    --out exp/pseudo_labels/2
"""

import argparse
from pathlib import Path

from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="section pseudo_labels as JSON")
    parser.add_argument("--keys", required=True, help="table of the utterances to expect")
    parser.add_argument("--xvectors", nargs="+", required=True, help="script files, in order")
    parser.add_argument("--before", type=Path, help="folder of the round before")
    parser.add_argument("--out", type=Path, required=True, help="folder of this round")
    args = parser.parse_args(argv)

    # start-up time
    from steps_py.pseudo_labels.config import PseudoLabelsConfig
    from steps_py.pseudo_labels.rounds import (
        end_round,
        find_clusters,
        is_settled,
        read_xvectors,
        repeat_round,
    )

    config = load_slice(args.config, PseudoLabelsConfig, "pseudo_labels")
    if args.before is not None and is_settled(args.before):
        repeat_round(args.before, args.out)
        return
    utts, x_ND = read_xvectors(args.xvectors, args.keys)
    end_round(find_clusters(utts, x_ND, config), args.before, config, args.out)


if __name__ == "__main__":
    run(main)
