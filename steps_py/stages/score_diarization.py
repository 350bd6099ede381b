"""Count the diarization errors of systems on a set with a reference.

python -m steps_py.stages.score_diarization --name dev --reference data/dev/ref.rttm \\
    --regions data/dev/all.uem --systems exp/diarization/dev/ahc.rttm \\
    --out results/dev_der.txt --out-tsv results/dev_der.tsv
"""

import argparse
import json
from pathlib import Path

from steps_py.conversations.config import ScoringSection
from steps_py.conversations.der_table import SetScores, table_text, write_tsv
from steps_py.files import atomic_write
from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True, help="of the set")
    parser.add_argument("--scoring", default="{}", help="section diarization.scoring as JSON")
    parser.add_argument("--speech", default="energy", help="the speech detector, for the table")
    parser.add_argument("--tune", default="{}", help="section diarization.tune as JSON")
    parser.add_argument("--reference", required=True, help="RTTM file")
    parser.add_argument("--regions", required=True, help="UEM file")
    parser.add_argument("--systems", nargs="+", required=True, help="<system>.rttm of each")
    parser.add_argument("--tuned", nargs="*", default=[], help="<system>.json of tune_diarizer")
    parser.add_argument("--out", required=True)
    parser.add_argument("--out-tsv", required=True)
    args = parser.parse_args(argv)

    scoring = load_slice(args.scoring, ScoringSection, "diarization.scoring")
    scores = SetScores.count(
        args.name,
        args.reference,
        args.regions,
        {Path(path).stem: path for path in args.systems},
        scoring,
    )
    tuned = {Path(path).stem: json.loads(Path(path).read_text()) for path in args.tuned}
    tuned_on = json.loads(args.tune).get("set")
    with atomic_write(args.out) as out:
        out.write(table_text(scores, args.speech, tuned, tuned_on))
    write_tsv(args.out_tsv, scores)


if __name__ == "__main__":
    run(main)
