"""Find the speakers of the windows of a set by a network, and their x-vectors.

python -m steps_py.stages.find_local_speakers --network exp/segmentation/n/final.pt --set JSON \\
    --extractor exp/model/final.pt --data data/dev --out exp/diarization/dev
"""

import argparse

from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="{}", help="keys about windows as JSON")
    parser.add_argument("--network", required=True, help="final.pt of a segmentation network")
    parser.add_argument("--xvectors", default="{}", help="section xvectors as JSON, for a final.pt")
    parser.add_argument("--set", required=True, help="entry of diarization.sets as JSON")
    parser.add_argument("--extractor", required=True, help="system.swx or final.pt of a recipe")
    parser.add_argument("--data", required=True, help="folder of the set")
    parser.add_argument("--out", required=True, help="folder of the archives")
    args = parser.parse_args(argv)

    # start-up time
    from tqdm import tqdm

    from steps_py.conversations.config import ConversationsConfig, LocalWindowsConfig
    from steps_py.conversations.extractors import open_extractor
    from steps_py.conversations.heard_set import HeardSet
    from steps_py.conversations.local_set import find_local_speakers, write_local_speakers
    from steps_py.embeddings.config import XvectorsConfig
    from steps_py.segmentation.segmenter import load_segmenter

    config = load_slice(args.config, LocalWindowsConfig, "diarization.end_to_end")
    given = load_slice(args.set, ConversationsConfig, "diarization.sets")
    xvectors = load_slice(args.xvectors, XvectorsConfig, "xvectors")
    segmenter, embedder = load_segmenter(args.network), open_extractor(args.extractor, xvectors)
    heard = HeardSet(args.data, given, embedder.front_end)
    bar = tqdm(heard.open(), total=len(heard.names), unit=" recordings", mininterval=10)
    write_local_speakers(
        args.out, bar, lambda each: find_local_speakers(segmenter, embedder, each, config)
    )


if __name__ == "__main__":
    run(main)
