"""Find the speakers of each recording of a set by clustering the speakers of its windows.

python -m steps_py.stages.cluster_local_speakers --system '{"name": "ahc"}' --config '{}' \\
    --windows exp/diarization/dev --out exp/diarization/dev/eend_vc.rttm
"""

import argparse
import json

from steps_py.backend.plda_io import read_plda
from steps_py.conversations.cluster_set import build_clusterer
from steps_py.conversations.clustering_inputs import SpeakersConfig, known_numbers
from steps_py.conversations.config import LocalWindowsConfig
from steps_py.conversations.local_set import cluster_local_set, read_local_speakers
from steps_py.diarization.rttm import write_rttm
from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", required=True, help="entry of end_to_end.systems as JSON")
    parser.add_argument("--config", default="{}", help="keys about numbers of speakers as JSON")
    parser.add_argument("--local", default="{}", help="keys about windows as JSON")
    parser.add_argument("--windows", required=True, help="folder of find_local_speakers")
    parser.add_argument("--num-speakers", help="reco2num_spk of the set")
    parser.add_argument("--plda", help="Kaldi's PLDA of these x-vectors")
    parser.add_argument("--out", required=True, help="RTTM file")
    args = parser.parse_args(argv)
    speakers = load_slice(args.config, SpeakersConfig, "diarization")
    turns = cluster_local_set(
        build_clusterer(json.loads(args.system)),
        read_local_speakers(args.windows),
        load_slice(args.local, LocalWindowsConfig, "diarization.end_to_end"),
        read_plda(args.plda) if args.plda else None,
        known_numbers(args.num_speakers, speakers),
        speakers.max_speakers,
    )
    write_rttm(args.out, turns)


if __name__ == "__main__":
    run(main)
