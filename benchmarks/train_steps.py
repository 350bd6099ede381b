"""Training steps of the engine, or of its model alone on one batch, as a process to be timed.

    python -m benchmarks.train_steps engine|ceiling <num_epochs> <chunks folder> [system]
    python -m benchmarks.train_steps report [chunks folder] [--systems NAME ...]

engine: batches read from the archives ahead of the steps.  ceiling: the same steps on features
that are there already.  report, for a machine with a GPU: examples/s of both, their ratio, the
share of the device's peak where it is known, and the memory, for each system; without a
folder, on chunks made for it.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.training_inputs import write_training_chunks
from steps_py.chunks.allocation import Chunks
from steps_py.chunks.config import ChunksConfig
from steps_py.feats.config import CmvnConfig
from steps_py.model.config import ModelConfig
from steps_py.training.config import TrainConfig
from steps_py.training.loop import batches_ahead
from steps_py.training.trainer import Trainer

NUM_FRAMES, BATCH_SIZE = 200, 64
GPU_FRAMES = 300
REPORT_SCALE = 10  # 10,000 utterances, 180 MB
WARM_UP_STEPS = 20  # in which readers start, kernels are chosen and programs compiled
PEAK_BF16_FLOPS = {"NVIDIA H200": 989e12, "NVIDIA H100 80GB HBM3": 989e12}  # data sheets, dense


@dataclasses.dataclass(frozen=True, kw_only=True)
class System:
    """A network, and how it is trained on a GPU."""

    encoder: dict
    pooling: str = "stats"
    gpu_batch_size: int = 512
    gpu_steps: int = 100
    train: dict = dataclasses.field(default_factory=dict)


XVECTOR, ECAPA = {"name": "tdnn"}, {"name": "ecapa_tdnn", "hidden_dim": 1024}
SYSTEMS = {
    "tdnn_small": System(encoder={"name": "tdnn", "hidden_dim": 256, "out_dim": 768}),
    "tdnn": System(encoder=XVECTOR, gpu_steps=300),
    "tdnn, compiled": System(encoder=XVECTOR, gpu_steps=300, train={"compile": True}),
    "tdnn, resident": System(encoder=XVECTOR, gpu_steps=300, train={"decode": "resident"}),
    "ecapa_1024": System(encoder=ECAPA, pooling="attentive_stats"),
    "ecapa_1024, compiled": System(
        encoder=ECAPA, pooling="attentive_stats", train={"compile": True}
    ),
    "resnet34": System(encoder={"name": "resnet", "depth": 34}),
    "resnet293": System(encoder={"name": "resnet", "depth": 293}, gpu_batch_size=128, gpu_steps=60),
}


def make_trainer(folder, system, num_frames, batch_size, num_epochs=1, num_steps=None):
    """A Trainer of `num_epochs` epochs of `num_steps` each, on a GPU if there is one."""
    sections = {
        "train": TrainConfig(
            loss={"name": "aam_softmax"},
            optimizer={"name": "sgd", "lr": 0.01, "momentum": 0.9},
            schedule={"name": "constant"},
            num_epochs=num_epochs,
            steps_per_epoch=num_steps,
            batch_size=batch_size,
            **system.train,
        ),
        "model": ModelConfig(
            encoder=system.encoder, pooling={"name": system.pooling}, embedding_dim=256
        ),
        "cmvn": CmvnConfig(),
        "chunks": ChunksConfig(min_frames=num_frames, max_frames=num_frames),
    }
    train, valid = (Chunks(Path(folder, f"{name}.tsv")) for name in ("train", "valid"))
    return Trainer(sections, train, valid)


def run_engine(trainer):
    for batch in batches_ahead(trainer):
        trainer.take_step(*batch)
    trainer.fetch_totals()


def run_ceiling(trainer):
    features = resident_features(trainer)
    for _ in range(trainer.num_steps):
        trainer.take_step(*features)
    trainer.fetch_totals()


def resident_features(trainer):
    """The features of the first step on the device; the trainer then uses them for all steps."""
    device = trainer.network.device
    batch = [torch.from_numpy(part) for part in trainer.read_batch(0)]
    features = [part.to(device) for part in trainer.reader.decode(batch, device)]
    trainer.reader.decode = lambda batch, device: batch
    return features


def examples_per_sec(run, trainer):
    """Chunks per second of the steps after `WARM_UP_STEPS`, or after the first half of fewer."""
    started, take_step = [], trainer.take_step
    first = min(WARM_UP_STEPS, trainer.num_steps // 2)

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

    features = resident_features(trainer)
    with FlopCounterMode(display=False) as counter:
        trainer.take_step(*features)
    return counter.get_total_flops()


def report(folder, names):
    """Print a row of figures for each system."""
    on_gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if on_gpu else "CPU"
    num_frames = GPU_FRAMES if on_gpu else NUM_FRAMES
    print(f"{device}, torch {torch.__version__}; chunks of {num_frames} frames")
    print("system\tbatch\tengine/s\tceiling/s\tratio\tshare of bf16 peak\tGB")
    for name in names or SYSTEMS:
        system = SYSTEMS[name]
        batch_size = system.gpu_batch_size if on_gpu else BATCH_SIZE
        num_steps = system.gpu_steps if on_gpu else 10

        def fresh(num_steps=num_steps, batch_size=batch_size, system=system):
            return make_trainer(folder, system, num_frames, batch_size, num_steps=num_steps)

        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        engine = examples_per_sec(run_engine, fresh())
        memory = f"{torch.cuda.max_memory_allocated() / 1e9:.1f}" if on_gpu else "-"
        ceiling = examples_per_sec(run_ceiling, fresh())
        share = "-"
        if device in PEAK_BF16_FLOPS and not system.train.get("compile"):
            flops = flops_of_a_step(fresh()) / batch_size * engine
            share = f"{flops / PEAK_BF16_FLOPS[device]:.2f}"
        figures = (f"{engine:.0f}", f"{ceiling:.0f}", f"{engine / ceiling:.2f}", share, memory)
        print(name, batch_size, *figures, sep="\t", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_steps")
    modes = parser.add_subparsers(dest="mode", required=True)
    for mode in ("engine", "ceiling"):
        steps = modes.add_parser(mode)
        steps.add_argument("num_epochs", type=int)
        steps.add_argument("folder")
        steps.add_argument("system", nargs="?", default="tdnn_small", choices=SYSTEMS)
    whole = modes.add_parser("report")
    whole.add_argument("folder", nargs="?")
    whole.add_argument("--systems", nargs="*", choices=SYSTEMS, metavar="SYSTEM")
    args = parser.parse_args()
    if args.mode == "report" and args.folder:
        return report(args.folder, args.systems)
    if args.mode == "report":
        with tempfile.TemporaryDirectory() as folder:
            write_training_chunks(Path(folder), scale=REPORT_SCALE)
            return report(Path(folder) / "chunks", args.systems)
    system = SYSTEMS[args.system]
    trainer = make_trainer(args.folder, system, NUM_FRAMES, BATCH_SIZE, args.num_epochs)
    return {"engine": run_engine, "ceiling": run_ceiling}[args.mode](trainer)


if __name__ == "__main__":
    sys.exit(main())
