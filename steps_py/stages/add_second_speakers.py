"""Add second speakers to the turns of a set, where several speak at the same time.

python -m steps_py.stages.add_second_speakers --second '{"name": "next_likely"}' \\
    --turns exp/diarization/dev/ahc.rttm --overlaps exp/diarization/dev/overlap \\
    --segments exp/diarization/dev/segments --xvectors exp/diarization/dev/xvector.scp \\
    --out exp/diarization/dev/ahc_overlap.rttm
"""

import argparse
import json

from steps_py.conversations.clustering_inputs import (
    ClusteringInputs,
    SpeakersConfig,
    add_inputs,
)
from steps_py.conversations.refine_set import add_second_speakers
from steps_py.conversations.second_speakers import SECOND_SPEAKERS
from steps_py.conversations.window_table import read_segments
from steps_py.diarization.rttm import read_rttm, write_rttm
from steps_py.program import run

DEFAULT = "nearest_in_time"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--second", default="{}", help="diarization.overlap.second as JSON")
    parser.add_argument("--turns", required=True, help="RTTM file of a system")
    parser.add_argument("--overlaps", required=True, help="segments file of find_overlap")
    add_inputs(parser)
    parser.add_argument("--out", required=True, help="RTTM file")
    args = parser.parse_args(argv)
    second = {"name": DEFAULT} | json.loads(args.second)
    inputs = ClusteringInputs(args, SpeakersConfig())
    turns = add_second_speakers(
        SECOND_SPEAKERS.build(second),
        read_rttm(args.turns),
        read_segments(args.overlaps),
        inputs.windows,
        inputs.xvectors,
        inputs.plda,
    )
    write_rttm(args.out, turns)


if __name__ == "__main__":
    run(main)
