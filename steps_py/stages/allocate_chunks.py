"""Select training and validation utterances.

python -m steps_py.stages.allocate_chunks --config '{"min_frames": 200, "max_frames": 400}' \\
    --data data/train data/train_augmented --out exp/chunks
"""

import argparse
import json

from steps_py.program import run
from steps_py.settings.build import load_slice


def parser():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", required=True, help="section chunks as JSON")
    parser.add_argument("--data", nargs="+", required=True, help="data directories")
    parser.add_argument("--speeds", help="augment.online.speeds as JSON, for training from audio")
    parser.add_argument(
        "--unlabelled", help="one of the data directories, whose speakers are ignored"
    )
    parser.add_argument(
        "--labels", help="utt2spk of the unlabelled; without it each is a speaker of its own"
    )
    parser.add_argument("--out", required=True, help="folder of train.tsv, valid.tsv and spk2id")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    # start-up time
    from steps_py.chunks.allocation import allocate_chunks, read_utterances, write_chunks
    from steps_py.chunks.config import ChunksConfig

    config = load_slice(args.config, ChunksConfig, "chunks")
    utterances = read_utterances(args.data)
    if args.unlabelled is not None:
        from steps_py.data.data_dir import read_table  # start-up time
        from steps_py.pseudo_labels.relabel import relabel

        unlabelled = read_table(f"{args.unlabelled}/utt2spk").keys()
        labels = read_table(args.labels) if args.labels else {utt: utt for utt in unlabelled}
        utterances = relabel(utterances, unlabelled, labels)
    allocation = allocate_chunks(utterances, config)
    if args.speeds is not None:
        from steps_py.augment.config import OnlineConfig  # start-up time
        from steps_py.chunks.audio_rows import add_audio

        speeds = OnlineConfig(speeds=json.loads(args.speeds)).speeds
        utterances, allocation = add_audio(
            utterances, allocation, args.data, speeds, config.needed_frames
        )
    write_chunks(utterances, allocation, args.out)


if __name__ == "__main__":
    run(main)
