"""The metrics of every system on one trial list.

python -m steps_py.stages.compute_metrics --trials data/trials/vox1 \
    --scores exp/scores/plda/vox1 exp/scores/cosine/vox1 --p-target 0.01 0.001 \
    --utt2spk data/vox1_test/utt2spk data/vox1_test/utt2spk --draws 1000 \
    --commands built-in --out-text results/vox1_eer.txt --out-table exp/metrics/vox1.tsv \
    --out-comparisons exp/metrics/vox1.comparisons.tsv
"""

import argparse
import json
from pathlib import Path

from steps_py.files import atomic_write
from steps_py.program import run
from steps_py.scoring.evaluation import SideTables, evaluate
from steps_py.scoring.measures import DEFAULT, check_calibrated, metrics_of
from steps_py.scoring.results_text import TRAINED, results_text


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", required=True)
    parser.add_argument("--scores", nargs="+", required=True, help=".../<system>/<trials>")
    parser.add_argument(
        "--calibrated", nargs="*", default=[], help="systems with scores that are LLRs"
    )
    parser.add_argument(
        "--trained-on-list", nargs="*", default=[], help="systems with a step trained on this list"
    )
    parser.add_argument("--p-target", nargs="+", type=float, required=True, help="priors")
    parser.add_argument(
        "--measures", type=json.loads, default=list(DEFAULT), help="metrics.measures, as JSON"
    )
    parser.add_argument("--utt2spk", nargs=2, metavar=("ENROLL", "TEST"), help="of both sides")
    parser.add_argument("--draws", type=int, default=0, help="of speakers, for intervals")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--conditions", type=json.loads, default={}, help="name -> options of SideTables, as JSON"
    )
    parser.add_argument("--commands", required=True, help="Kaldi commands that computed the scores")
    parser.add_argument("--out-text", required=True)
    parser.add_argument("--out-table", required=True)
    parser.add_argument("--out-comparisons", required=True)
    args = parser.parse_args(argv)

    metrics = metrics_of(args.measures, args.p_target)
    systems = [Path(path).parent.name for path in args.scores]
    check_calibrated(metrics, systems, args.calibrated)
    evaluation = evaluate(
        args.trials,
        args.scores,
        metrics,
        speakers=SideTables(*args.utt2spk) if args.utt2spk else None,
        num_draws=args.draws,
        seed=args.seed,
        conditions={name: SideTables(**tables) for name, tables in args.conditions.items()},
    )
    about = (
        f"95 %, bootstrap over {evaluation.num_speakers} speakers, {args.draws} draws,"
        f" seed {args.seed}"
    )
    text = results_text(evaluation, metrics, args.commands, about if args.draws else None)
    if args.trained_on_list:
        text += f"\n{TRAINED} {', '.join(args.trained_on_list)}\n"
    for path, table in (
        (args.out_table, evaluation.measures),
        (args.out_comparisons, evaluation.comparisons),
    ):
        with atomic_write(path) as out:
            table.to_csv(out, sep="\t", index=False, float_format="%.6g")
    with atomic_write(args.out_text) as out:
        out.write(text)
    print(text, end="")


if __name__ == "__main__":
    run(main)
