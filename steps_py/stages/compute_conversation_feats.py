"""Features of the recordings of a set, as the extractor has them, for segmentation networks.

python -m steps_py.stages.compute_conversation_feats --set JSON --extractor exp/model/final.pt \\
    --data data/dev --out-ark exp/segmentation/dev/feats.ark --out-scp ...
"""

import argparse
from pathlib import Path

from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", required=True, help="entry of diarization.sets as JSON")
    parser.add_argument("--extractor", required=True, help="system.swx or final.pt of a recipe")
    parser.add_argument("--data", required=True, help="folder of the set")
    parser.add_argument("--out-ark", type=Path, required=True)
    parser.add_argument("--out-scp", type=Path, required=True)
    args = parser.parse_args(argv)

    # start-up time
    from tqdm import tqdm

    from steps_py.conversations.config import ConversationsConfig
    from steps_py.conversations.extractors import open_extractor
    from steps_py.conversations.heard_set import HeardSet
    from steps_py.formats.holders import COMPRESSED_MATRIX
    from steps_py.formats.tables import TableWriter

    config = load_slice(args.set, ConversationsConfig, "diarization.sets")
    heard = HeardSet(args.data, config, open_extractor(args.extractor).front_end)
    args.out_ark.parent.mkdir(parents=True, exist_ok=True)
    try:
        with TableWriter(f"ark,scp:{args.out_ark},{args.out_scp}", COMPRESSED_MATRIX()) as writer:
            for each in tqdm(
                heard.open(), total=len(heard.names), unit=" recordings", mininterval=10
            ):
                features = each.features
                writer.write(features.name, features.rows(0, features.num_frames))
    except BaseException:
        args.out_ark.unlink(missing_ok=True)
        args.out_scp.unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    run(main)
