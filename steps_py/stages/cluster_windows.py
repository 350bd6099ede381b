"""Find the speakers of each recording of a set by clustering the x-vectors of its windows.

python -m steps_py.stages.cluster_windows --system '{"name": "ahc"}' --config '{}' \\
    --segments exp/diarization/dev/segments --xvectors exp/diarization/dev/xvector.scp \\
    --out exp/diarization/dev/ahc.rttm
"""

import argparse
import json

from steps_py.conversations.cluster_set import read_tuned
from steps_py.conversations.clustering_inputs import ClusteringInputs, SpeakersConfig, add_inputs
from steps_py.diarization.rttm import write_rttm
from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", required=True, help="entry of diarization.systems as JSON")
    parser.add_argument("--config", default="{}", help="keys about numbers of speakers as JSON")
    add_inputs(parser)
    parser.add_argument("--tuned", help="options that tune_diarizer chose")
    parser.add_argument("--out", required=True, help="RTTM file")
    args = parser.parse_args(argv)
    inputs = ClusteringInputs(args, load_slice(args.config, SpeakersConfig, "diarization"))
    write_rttm(args.out, inputs.turns(json.loads(args.system), read_tuned(args.tuned)))


if __name__ == "__main__":
    run(main)
