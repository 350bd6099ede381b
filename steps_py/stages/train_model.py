"""Train the network; started again after a stop, it goes on where it was.

python -m steps_py.stages.train_model --config JSON --model JSON --cmvn JSON \\
    --chunks-config JSON --chunks exp/chunks --out exp/model --threads 8 --gpus 4

With several GPUs it starts torchrun, a process for each; started by torchrun, it is one of them.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from steps_py.program import run
from steps_py.settings.build import load_slice


def parser():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", required=True, help="section train as JSON")
    parser.add_argument("--model", required=True, help="section model as JSON")
    parser.add_argument("--cmvn", required=True, help="section cmvn as JSON")
    parser.add_argument("--chunks-config", required=True, help="section chunks as JSON")
    parser.add_argument("--waveform", help="options of training from audio as JSON")
    parser.add_argument("--front-end", help="sections feats and vad as JSON, for final.pt")
    parser.add_argument("--chunks", type=Path, required=True, help="folder of allocate_chunks")
    parser.add_argument("--out", required=True, help="folder of final.pt and epochs.tsv")
    parser.add_argument(
        "--threads", type=int, default=1, help="processors of the job, for reading ahead"
    )
    parser.add_argument(
        "--gpus",
        type=int,
        default=0,
        help="GPUs of the job; if it has any, a process each",
    )
    parser.add_argument("--processes", type=int, help="so many, whatever there is")
    return parser


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    args = parser().parse_args(argv)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy computes in the reading processes
    import torch  # start-up time

    from steps_py.training.launch import launch, one_of_several

    sections = load_sections(args)
    num_processes = args.processes or (args.gpus if torch.cuda.is_available() else 1)
    if num_processes > 1 and "RANK" not in os.environ:
        launch(argv, num_processes)
    else:
        with one_of_several():
            train_here(sections, args)


def load_sections(args):
    """The sections of the recipe, checked."""
    # start-up time
    from steps_py.chunks.config import ChunksConfig
    from steps_py.feats.config import CmvnConfig
    from steps_py.model.config import ModelConfig
    from steps_py.training.config import TrainConfig
    from steps_py.training.registered import registered

    sections = {
        "train": load_slice(args.config, TrainConfig, "train", registered()),
        "model": load_slice(args.model, ModelConfig, "model", registered()),
        "cmvn": load_slice(args.cmvn, CmvnConfig, "cmvn"),
        "chunks": load_slice(args.chunks_config, ChunksConfig, "chunks"),
        "waveform": None,
        "front_end": None,
    }
    if args.front_end:
        from steps_py.feats.front_end import FrontEnd  # start-up time

        sections["front_end"] = FrontEnd.of_recipe(**json.loads(args.front_end))
    if args.waveform:
        from steps_py.chunks.audio_chunks import WaveformConfig  # start-up time

        sections["waveform"] = load_slice(args.waveform, WaveformConfig, "waveform")
    return sections


def train_here(sections, args):
    """The training, or this process's share of it."""
    import torch  # start-up time

    from steps_py.chunks.allocation import Chunks
    from steps_py.data.data_dir import read_table
    from steps_py.model.device import choose_device, keep_freed_memory
    from steps_py.training.loop import train
    from steps_py.training.processes import Ranks
    from steps_py.training.trainer import builders, check_samplers

    ranks = Ranks.of_environment(job_threads=args.threads)
    torch.set_num_threads(sections["train"].num_threads)
    keep_freed_memory()
    device = choose_device(sections["train"].device, "train", ranks.local_rank)
    chunks = [Chunks(args.chunks / f"{n}.tsv") for n in ("train", "valid", "valid_speakers")]
    check_samplers(sections, chunks[0])
    spk2id = read_table(args.chunks / "spk2id")
    speakers = sorted(spk2id, key=lambda spk: int(spk2id[spk]))
    with ranks.together(device):
        train(builders(sections, chunks, ranks=ranks, speakers=speakers), args.out, ranks)


if __name__ == "__main__":
    run(main)
