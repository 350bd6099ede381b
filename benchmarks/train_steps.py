"""Training steps of the engine, or of its model alone on one batch, as a process to be timed.

    python -m benchmarks.train_steps engine|ceiling <num_epochs> <chunks folder> [encoder]
    python -m benchmarks.train_steps report <chunks folder> [encoder ...]

engine: batches read from the archives ahead of the steps.  ceiling: the same steps on a batch
that is there already.  report, for a machine with a GPU: examples/s of both, their ratio, the
share of the device's peak where it is known, and the memory, for each encoder.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

from steps_py.chunks import Chunks, ChunksConfig
from steps_py.features import CmvnConfig
from steps_py.model.build import ModelConfig
from steps_py.train import batches_ahead
from steps_py.trainer import Trainer
from steps_py.training.config import TrainConfig

NUM_FRAMES, BATCH_SIZE = 200, 64
GPU_FRAMES, GPU_BATCH_SIZE, GPU_STEPS = 300, 512, 200
PEAK_BF16_FLOPS = {"NVIDIA H200": 989e12, "NVIDIA H100 80GB HBM3": 989e12}  # data sheets, dense
ENCODERS = {
    "tdnn_small": {"name": "tdnn", "hidden_dim": 256, "out_dim": 768},
    "tdnn": {"name": "tdnn"},
    "ecapa_1024": {"name": "ecapa_tdnn", "channels": 1024},
    "resnet34": {"name": "resnet", "depth": 34},
    "resnet293": {"name": "resnet", "depth": 293},
}


def make_trainer(folder, encoder, num_frames, batch_size, num_epochs=1, num_steps=None):
    """A Trainer of so many epochs, of `num_steps` each, on whatever device there is."""
    sections = {
        "train": TrainConfig(
            loss={"name": "aam_softmax"},
            optimizer={"name": "sgd", "lr": 0.01, "momentum": 0.9},
            schedule={"name": "constant"},
            num_epochs=num_epochs,
            steps_per_epoch=num_steps,
            batch_size=batch_size,
        ),
        "model": ModelConfig(
            encoder=ENCODERS[encoder], pooling={"name": "stats"}, embedding_dim=256
        ),
        "cmvn": CmvnConfig(),
        "chunks": ChunksConfig(min_frames=num_frames, max_frames=num_frames),
    }
    train, valid = (Chunks(Path(folder, f"{name}.tsv")) for name in ("train", "valid"))
    return Trainer(sections, train, valid)


def run_engine(trainer):
    for batch in batches_ahead(trainer):
        trainer.take_step(*batch)
    trainer.settle()


def run_ceiling(trainer):
    batch = [torch.from_numpy(part).to(trainer.network.device) for part in trainer.read_batch(0)]
    for _ in range(trainer.num_steps):
        trainer.take_step(*batch)
    trainer.settle()


def examples_per_sec(run, trainer):
    """Of all steps but the first tenth, in which a device warms up and readers start."""
    started, take_step = [], trainer.take_step
    first = max(1, trainer.num_steps // 10)

    def take_step_and_look(*batch):
        if trainer.step == first:
            synchronise(trainer)
            started.append(time.perf_counter())
        take_step(*batch)

    trainer.take_step = take_step_and_look
    run(trainer)
    synchronise(trainer)
    num_examples = (trainer.num_steps - first) * trainer.config.batch_size
    return num_examples / (time.perf_counter() - started[0])


def synchronise(trainer):
    if trainer.network.device.type == "cuda":
        torch.cuda.synchronize()


def flops_of_a_step(trainer):
    """Floating-point operations of a step, counted by torch."""
    from torch.utils.flop_counter import FlopCounterMode

    batch = [torch.from_numpy(part).to(trainer.network.device) for part in trainer.read_batch(0)]
    with FlopCounterMode(display=False) as counter:
        trainer.take_step(*batch)
    return counter.get_total_flops()


def report(folder, encoders):
    """Print a row of figures for each encoder."""
    on_gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if on_gpu else "CPU"
    num_frames = GPU_FRAMES if on_gpu else NUM_FRAMES
    batch_size = GPU_BATCH_SIZE if on_gpu else BATCH_SIZE
    print(f"{device}; {batch_size} chunks of {num_frames} frames")
    print("encoder\tengine/s\tceiling/s\tratio\tshare of bf16 peak\tGB")
    for encoder in encoders or ENCODERS:
        num_steps = GPU_STEPS if on_gpu else 10

        def fresh(encoder=encoder, num_steps=num_steps):
            return make_trainer(folder, encoder, num_frames, batch_size, num_steps=num_steps)

        engine = examples_per_sec(run_engine, fresh())
        ceiling = examples_per_sec(run_ceiling, fresh())
        share, memory = "-", "-"
        if on_gpu:
            memory = f"{torch.cuda.max_memory_allocated() / 1e9:.1f}"
            torch.cuda.reset_peak_memory_stats()
        if device in PEAK_BF16_FLOPS:
            flops = flops_of_a_step(fresh()) / batch_size * engine
            share = f"{flops / PEAK_BF16_FLOPS[device]:.2f}"
        ratio = f"{engine / ceiling:.2f}"
        print(f"{encoder}\t{engine:.0f}\t{ceiling:.0f}\t{ratio}\t{share}\t{memory}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_steps")
    modes = parser.add_subparsers(dest="mode", required=True)
    for mode in ("engine", "ceiling"):
        steps = modes.add_parser(mode)
        steps.add_argument("num_epochs", type=int)
        steps.add_argument("folder")
        steps.add_argument("encoder", nargs="?", default="tdnn_small", choices=ENCODERS)
    whole = modes.add_parser("report")
    whole.add_argument("folder")
    whole.add_argument("encoders", nargs="*")
    args = parser.parse_args()
    if args.mode == "report":
        return report(args.folder, args.encoders)
    trainer = make_trainer(args.folder, args.encoder, NUM_FRAMES, BATCH_SIZE, args.num_epochs)
    return {"engine": run_engine, "ceiling": run_ceiling}[args.mode](trainer)


if __name__ == "__main__":
    sys.exit(main())
