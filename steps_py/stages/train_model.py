"""Train the network; run again after a stop, it resumes from its last checkpoint.

python -m steps_py.stages.train_model --config JSON --model JSON --cmvn JSON \\
    --chunks-config JSON --chunks exp/chunks --out exp/model --threads 8 --gpus 4

With several GPUs it starts one process for each with torchrun's launcher; when started by torchrun,
it is one of these processes.
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
    add_inputs(parser)
    parser.add_argument("--out", required=True, help="folder of final.pt and epochs.tsv")
    parser.add_argument(
        "--gpus",
        type=int,
        default=0,
        help="GPUs of the job; one process for each",
    )
    parser.add_argument("--processes", type=int, help="number of processes, regardless of GPUs")
    return parser


def add_inputs(parser) -> None:
    """Add the arguments that `load_sections` and `read_chunks` read."""
    parser.add_argument("--config", required=True, help="section train as JSON")
    parser.add_argument("--model", required=True, help="section model as JSON")
    parser.add_argument("--cmvn", required=True, help="section cmvn as JSON")
    parser.add_argument("--chunks-config", required=True, help="section chunks as JSON")
    parser.add_argument("--waveform", help="options of training from audio as JSON")
    parser.add_argument("--front-end", help="sections feats and vad as JSON, for final.pt")
    parser.add_argument("--chunks", type=Path, required=True, help="folder of allocate_chunks")
    parser.add_argument(
        "--data",
        nargs="+",
        default=[],
        help="data directories of the training utterances and of their copies, for objectives",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="processors of the job, for loader processes"
    )


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    args = parser().parse_args(argv)
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # loader processes compute with numpy, in parallel
    import torch  # start-up time

    from steps_py.training.launch import launch, training_process

    sections = load_sections(args)
    num_processes = args.processes or (args.gpus if torch.cuda.is_available() else 1)
    if num_processes > 1 and "RANK" not in os.environ:
        launch(argv, num_processes)
    else:
        with training_process():
            train_here(sections, args)


def load_sections(args):
    """The checked sections of the recipe that training reads."""
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
        "data_dirs": args.data,
        "unlabelled": None,
    }
    if sections["train"].unlabelled is not None:
        from steps_py.chunks.allocation import Chunks  # start-up time

        sections["unlabelled"] = Chunks(args.chunks / "unlabelled.tsv")
    if args.front_end:
        from steps_py.feats.front_end import FrontEnd  # start-up time

        sections["front_end"] = FrontEnd.of_recipe(**json.loads(args.front_end))
    if args.waveform:
        from steps_py.chunks.config import WaveformConfig  # start-up time

        sections["waveform"] = load_slice(args.waveform, WaveformConfig, "waveform")
    return sections


def read_chunks(folder: str | os.PathLike):
    """The chunks to train on, those that are held out, and the name of each speaker id."""
    from steps_py.chunks.allocation import Chunks  # start-up time
    from steps_py.data.data_dir import read_table

    chunks = [Chunks(folder / f"{n}.tsv") for n in ("train", "valid", "valid_speakers")]
    spk2id = read_table(folder / "spk2id")
    return chunks, sorted(spk2id, key=lambda spk: int(spk2id[spk]))


def train_here(sections, args) -> None:
    """Train in this process, alone or as one of several."""
    import torch  # start-up time

    from steps_py.model.device import choose_device, keep_freed_memory
    from steps_py.training.build import trainer_builders
    from steps_py.training.loop import train
    from steps_py.training.processes import ProcessGroup
    from steps_py.training.sampling import check_samplers

    group = ProcessGroup.from_environment(job_threads=args.threads)
    torch.set_num_threads(sections["train"].num_threads)
    keep_freed_memory()
    device = choose_device(sections["train"].device, "train", group.local_rank)
    chunks, speakers = read_chunks(args.chunks)
    check_samplers(sections, chunks[0])
    with group.joined(device):
        train(trainer_builders(sections, chunks, group, speakers), args.out, group)


if __name__ == "__main__":
    run(main)
