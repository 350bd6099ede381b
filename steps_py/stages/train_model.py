"""Train the network; started again after a stop, it goes on where it was.

python -m steps_py.stages.train_model --config JSON --model JSON --cmvn JSON \\
    --chunks-config JSON --chunks exp/chunks --out exp/model --threads 8
"""

import argparse
from pathlib import Path

from steps_py.config import load_slice
from steps_py.errors import ConfigError
from steps_py.stages import run


def parser():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", required=True, help="section train as JSON")
    parser.add_argument("--model", required=True, help="section model as JSON")
    parser.add_argument("--cmvn", required=True, help="section cmvn as JSON")
    parser.add_argument("--chunks-config", required=True, help="section chunks as JSON")
    parser.add_argument("--chunks", type=Path, required=True, help="folder of allocate_chunks")
    parser.add_argument("--out", required=True, help="folder of final.pt and epochs.tsv")
    parser.add_argument("--threads", type=int, default=1, help="processor threads")
    return parser


def main(argv=None):
    args = parser().parse_args(argv)
    import torch

    from steps_py.chunks import Chunks, ChunksConfig
    from steps_py.features import CmvnConfig
    from steps_py.model.build import ModelConfig
    from steps_py.model.catalogue import check_parts
    from steps_py.model.device import keep_freed_memory
    from steps_py.train import train
    from steps_py.trainer import TrainConfig, Trainer

    torch.set_num_threads(args.threads)
    keep_freed_memory()
    sections = {
        "train": load_slice(args.config, TrainConfig, "train"),
        "model": load_slice(args.model, ModelConfig, "model"),
        "cmvn": load_slice(args.cmvn, CmvnConfig, "cmvn"),
        "chunks": load_slice(args.chunks_config, ChunksConfig, "chunks"),
    }
    faults = check_parts({key: vars(sections[key]) for key in ("model", "train")})
    if faults:
        raise ConfigError("\n".join(faults))
    chunks = [Chunks(args.chunks / f"{name}.tsv") for name in ("train", "valid")]
    train(Trainer(sections, *chunks), args.out)


if __name__ == "__main__":
    run(main)
