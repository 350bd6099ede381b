"""Find where several speak at the same time in the recordings of a set.

python -m steps_py.stages.find_overlap --config '{"network": "exp/segmentation/count/final.pt"}' \\
    --set JSON --data data/dev --out exp/diarization/dev/overlap
"""

import argparse

from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="section diarization.overlap as JSON")
    parser.add_argument("--set", required=True, help="entry of diarization.sets as JSON")
    parser.add_argument("--data", required=True, help="folder of the set")
    parser.add_argument("--out", required=True, help="segments file")
    args = parser.parse_args(argv)

    # start-up time
    from tqdm import tqdm

    from steps_py.conversations.config import ConversationsConfig, OverlapConfig
    from steps_py.conversations.heard_set import HeardSet
    from steps_py.conversations.overlap import find_overlap
    from steps_py.conversations.window_table import write_segments
    from steps_py.segmentation.segmenter import load_segmenter

    config = load_slice(args.config, OverlapConfig, "diarization.overlap")
    given = load_slice(args.set, ConversationsConfig, "diarization.sets")
    segmenter = load_segmenter(config.network)
    heard = HeardSet(args.data, given, segmenter.front_end)
    found = {}
    for each in tqdm(heard.open(), total=len(heard.names), unit=" recordings", mininterval=10):
        found[each.features.name] = find_overlap(segmenter, each, config)
    write_segments(args.out, found)


if __name__ == "__main__":
    run(main)
