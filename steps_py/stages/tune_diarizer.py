"""Choose options of a clusterer by the diarization error rate of a development set.

python -m steps_py.stages.tune_diarizer --system '{"name": "ahc"}' --values \\
    '{"threshold": [0.2, 0.4]}' --segments exp/diarization/dev/segments \\
    --xvectors exp/diarization/dev/xvector.scp --reference data/dev/ref.rttm \\
    --regions data/dev/all.uem --out exp/diarization/ahc.json
"""

import argparse
import json

from steps_py.conversations.clustering_inputs import ClusteringInputs, SpeakersConfig, add_inputs
from steps_py.conversations.tuning import tune
from steps_py.diarization.error_rate import ScoringConfig, score, total
from steps_py.diarization.rttm import read_rttm
from steps_py.diarization.uem import read_uem
from steps_py.files import atomic_write
from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", required=True, help="entry of diarization.systems as JSON")
    parser.add_argument("--values", required=True, help="option -> values to try, as JSON")
    parser.add_argument("--config", default="{}", help="keys about numbers of speakers as JSON")
    parser.add_argument("--scoring", default="{}", help="collar and overlap as JSON")
    add_inputs(parser)
    parser.add_argument("--reference", required=True, help="RTTM file")
    parser.add_argument("--regions", required=True, help="UEM file")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    inputs = ClusteringInputs(args, load_slice(args.config, SpeakersConfig, "diarization"))
    scoring = load_slice(args.scoring, ScoringConfig, "diarization.scoring")
    reference, regions = read_rttm(args.reference), read_uem(args.regions)
    system = json.loads(args.system)

    def der_of(options):
        errors = score(reference, inputs.turns(system, options), regions, scoring)
        return total(errors.values()).der

    tuned = tune(json.loads(args.values), der_of)
    print(f"{tuned.options}: DER {tuned.der:.2f} %, the lowest of {len(tuned.tried)}")
    with atomic_write(args.out) as out:
        json.dump(tuned._asdict(), out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    run(main)
