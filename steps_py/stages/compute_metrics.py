"""The metrics of every system on one trial list.

python -m steps_py.stages.compute_metrics --trials data/trials/vox1 \
    --scores exp/scores/plda/vox1 exp/scores/cosine/vox1 --p-target 0.01 0.001 \
    --commands built-in --out-text results/vox1_eer.txt --out-table exp/metrics/vox1.tsv
"""

import argparse
import json

from steps_py.files import atomic_write
from steps_py.program import run
from steps_py.scoring.measures import DEFAULT, measure_systems, metrics_of, results_text


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", required=True)
    parser.add_argument("--scores", nargs="+", required=True, help=".../<system>/<trials>")
    parser.add_argument("--p-target", nargs="+", type=float, required=True, help="priors")
    parser.add_argument(
        "--measures", type=json.loads, default=list(DEFAULT), help="metrics.measures, as JSON"
    )
    parser.add_argument("--commands", required=True, help="whose Kaldi commands made the scores")
    parser.add_argument("--out-text", required=True)
    parser.add_argument("--out-table", required=True)
    args = parser.parse_args(argv)

    metrics = metrics_of(args.measures, args.p_target)
    table = measure_systems(args.trials, args.scores, metrics)
    text = results_text(table, metrics, args.commands)
    with atomic_write(args.out_table) as out:
        table.to_csv(out, sep="\t", index=False, float_format="%.6g")
    with atomic_write(args.out_text) as out:
        out.write(text)
    print(text, end="")


if __name__ == "__main__":
    run(main)
