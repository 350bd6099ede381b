"""Train a network that says who speaks in each frame; run again after a stop, it resumes.

python -m steps_py.stages.train_segmentation --config JSON --extractor exp/model/final.pt \\
    --train exp/segmentation/sim/feats.scp data/sim/ref.rttm --out exp/segmentation/local
"""

import argparse
import os
import sys
from pathlib import Path

from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="entry of segmentation.networks as JSON")
    parser.add_argument("--extractor", required=True, help="whose features they are")
    parser.add_argument(
        "--train",
        nargs="+",
        required=True,
        help="feats.scp and the RTTM file of each set, one after the other",
    )
    parser.add_argument("--valid", nargs=2, help="those of the set for validation")
    parser.add_argument("--out", type=Path, required=True, help="folder of final.pt and epochs.tsv")
    parser.add_argument("--threads", type=int, default=1, help="processors of the job")
    args = parser.parse_args(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import torch  # start-up time

    from steps_py.conversations.extractors import open_extractor
    from steps_py.feats.feature_options import frame_config
    from steps_py.segmentation.config import SegmentationNetwork
    from steps_py.segmentation.frame_data import FrameData
    from steps_py.segmentation.trainer import FrameTrainer
    from steps_py.training.loop import train
    from steps_py.training.processes import ProcessGroup

    config = load_slice(args.config, SegmentationNetwork, "segmentation.networks")
    front_end = open_extractor(args.extractor).front_end
    shift_sec = frame_config(front_end.options()).shift_samples / front_end.sample_rate_hz
    window_frames = round(config.window_sec / shift_sec)
    pairs = list(zip(args.train[::2], args.train[1::2], strict=True))
    data = FrameData(pairs, shift_sec, window_frames)
    valid = FrameData([args.valid], shift_sec, window_frames) if args.valid else None
    torch.set_num_threads(config.num_threads)
    group = ProcessGroup(job_threads=args.threads)

    def build(previous):
        return FrameTrainer(config, front_end, data, valid, window_frames, group=group)

    train([build], args.out, group, save=FrameTrainer.save)


if __name__ == "__main__":
    run(main)
