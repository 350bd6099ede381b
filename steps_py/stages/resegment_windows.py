"""Find the speakers of the windows of a set again, with the turns of a clustering to start from.

python -m steps_py.stages.resegment_windows --config '{"name": "vb"}' --plda plda \\
    --turns exp/diarization/dev/ahc.rttm --segments exp/diarization/dev/segments \\
    --xvectors exp/diarization/dev/xvector.scp --out exp/diarization/dev/ahc_resegmented.rttm
"""

import argparse
import json

from steps_py.conversations.clustering_inputs import ClusteringInputs, SpeakersConfig, add_inputs
from steps_py.conversations.refine_set import resegment_set
from steps_py.conversations.resegmentation import RESEGMENTATIONS
from steps_py.diarization.rttm import read_rttm, write_rttm
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="diarization.resegmentation as JSON")
    parser.add_argument("--turns", required=True, help="RTTM file of a system")
    add_inputs(parser)
    parser.add_argument("--out", required=True, help="RTTM file")
    args = parser.parse_args(argv)
    method = RESEGMENTATIONS.build(json.loads(args.config))
    inputs = ClusteringInputs(args, SpeakersConfig())
    turns = read_rttm(args.turns)
    found = resegment_set(method, turns, inputs.windows, inputs.xvectors, inputs.plda)
    write_rttm(args.out, found)


if __name__ == "__main__":
    run(main)
