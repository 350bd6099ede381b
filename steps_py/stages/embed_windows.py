"""Extract the x-vectors of windows of recordings, each of which is read once.

python -m steps_py.stages.embed_windows --xvectors JSON --set JSON --data data/dev \\
    --extractor exp/model/final.pt --segments exp/diarization/dev/segments \\
    --out-ark exp/diarization/dev/xvector.ark --out-scp exp/diarization/dev/xvector.scp
"""

import argparse
from pathlib import Path

from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xvectors", default="{}", help="section xvectors as JSON, for a final.pt")
    parser.add_argument("--set", required=True, help="entry of diarization.sets as JSON")
    parser.add_argument("--extractor", required=True, help="system.swx or final.pt of a recipe")
    parser.add_argument("--data", required=True, help="folder of the set")
    parser.add_argument("--segments", required=True, help="the windows")
    parser.add_argument("--out-ark", type=Path, required=True)
    parser.add_argument("--out-scp", type=Path, required=True)
    args = parser.parse_args(argv)

    # start-up time
    import torch
    from tqdm import tqdm

    from steps_py.conversations.config import ConversationsConfig
    from steps_py.conversations.extractors import open_extractor
    from steps_py.conversations.heard_set import HeardSet
    from steps_py.conversations.window_table import read_segments
    from steps_py.conversations.window_vectors import write_window_xvectors
    from steps_py.embeddings.config import XvectorsConfig

    config = load_slice(args.xvectors, XvectorsConfig, "xvectors")
    torch.set_num_threads(config.num_threads)
    embedder = open_extractor(args.extractor, config)
    set_config = load_slice(args.set, ConversationsConfig, "diarization.sets")
    heard = HeardSet(args.data, set_config, embedder.front_end)
    windows = {name: found for name, found in read_segments(args.segments).items() if found}
    bar = tqdm(total=sum(map(len, windows.values())), unit=" windows", mininterval=10)
    write_window_xvectors(embedder, heard, windows, args.out_ark, args.out_scp, bar.update)


if __name__ == "__main__":
    run(main)
