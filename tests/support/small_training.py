"""Small trainings, and trainings that are interrupted repeatedly."""

import dataclasses
import json

import torch

from steps_py.chunks.allocation import Chunks, allocate_chunks, read_utterances, write_chunks
from steps_py.chunks.config import ChunksConfig
from steps_py.feats.config import CmvnConfig
from steps_py.model.config import ModelConfig
from steps_py.settings.build import replaced
from steps_py.training.build import trainer_builders
from steps_py.training.config import TrainConfig
from steps_py.training.loop import train
from steps_py.training.trainer import Trainer
from tests.support.small_features import draw_utts, write_data_dir

torch.set_num_threads(1)

CHUNKS = ChunksConfig(min_frames=20, max_frames=30, short_utts="tile", num_valid_utts=5)

SECTIONS = {
    "train": TrainConfig(
        loss={"name": "aam_softmax", "scale": 15, "margin_warmup_epochs": 1},
        optimizer={"name": "sgd", "lr": 0.05},
        schedule={"name": "cosine"},
        num_epochs=3,
        batch_size=8,
        steps_per_epoch=6,
        num_threads=1,
        num_workers=0,
    ),
    "model": ModelConfig(
        encoder={"name": "tdnn", "hidden_dim": 16, "out_dim": 24},
        embedding_dim=8,
        pooling={"name": "stats"},
    ),
    "cmvn": CmvnConfig(),
    "chunks": CHUNKS,
}
SPEAKERS = [f"spk{i:02d}" for i in range(7)]


class Killed(Exception):
    """Ends a training without any clean-up, like SIGKILL."""


def write_small_chunks(folder):
    """Chunks of seven speakers and, held out, of two more; six utterances each."""
    write_data_dir(folder / "data", draw_utts(9, 6), kind="CM")
    config = dataclasses.replace(CHUNKS, num_valid_speakers=2)
    utterances = read_utterances([folder / "data"])
    write_chunks(utterances, allocate_chunks(utterances, config, log=str), folder / "chunks")
    return folder / "chunks"


def small_sections(chunks=(), model=None, **train):
    """Sections of two epochs of six steps, with changes."""
    changed = {"num_epochs": 2} | train
    sections = SECTIONS | {"train": replaced(SECTIONS["train"], "train", **changed)}
    sections["chunks"] = replaced(CHUNKS, "chunks", **dict(chunks))
    return sections | ({"model": model} if model else {})


def small_builders(chunks_dir, sections, log=str, speakers=SPEAKERS):
    chunks = [Chunks(chunks_dir / f"{n}.tsv") for n in ("train", "valid", "valid_speakers")]
    return trainer_builders(sections, chunks, speakers=speakers, log=log)


def small_run(chunks_dir, out_dir, sections, change=lambda trainer: None, **options):
    """Train; the messages, and the Trainers of the stages, each given to `change` first."""
    messages, trainers = [], []

    def changed(build):
        def build_and_change(previous):
            trainers.append(build(previous))
            change(trainers[-1])
            return trainers[-1]

        return build_and_change

    made = small_builders(chunks_dir, sections, log=messages.append, **options)
    train([changed(build) for build in made], out_dir, log=messages.append)
    return messages, trainers


def run_cut_off(chunks_dir, out_dir, sections, stops, change=lambda trainer: None):
    """Train, interrupted after a given number of steps per run, until a run completes."""

    def cut_off_after(num_steps):
        left = [num_steps]

        def change_too(trainer):
            change(trainer)
            take_step = trainer.take_step

            def take_step_or_die(*batch):
                if not left[0]:
                    raise Killed
                left[0] -= 1
                take_step(*batch)

            trainer.take_step = take_step_or_die

        return change_too

    for num_steps in stops:
        try:
            small_run(chunks_dir, out_dir, sections, cut_off_after(num_steps))
        except Killed:
            continue
        raise AssertionError("completed before it was interrupted")
    return small_run(chunks_dir, out_dir, sections, change)


def trainer_of(chunks_dir, **changed):
    """A Trainer whose train section is changed."""
    torch.set_num_threads(1)
    sections = SECTIONS | {"train": replaced(SECTIONS["train"], "train", **changed)}
    return Trainer(sections, *(Chunks(chunks_dir / f"{name}.tsv") for name in ("train", "valid")))


def run_trainer(trainer, out_dir):
    """Train to the end; returns the messages."""
    messages = []
    train([lambda previous: trainer], out_dir, log=messages.append)
    return messages


def run(chunks_dir, out_dir, **changed):
    return run_trainer(trainer_of(chunks_dir, **changed), out_dir)


def result(out_dir):
    """Weights, and the rows of epochs.tsv without the two columns of time."""
    lines = (out_dir / "epochs.tsv").read_text().splitlines()
    weights = torch.load(out_dir / "final.pt", weights_only=True)["model"]
    return weights, [line.split("\t")[:-2] for line in lines]


def assert_same(out_dir, expected):
    weights, rows = result(out_dir)
    assert rows == expected[1]
    assert weights.keys() == expected[0].keys()
    assert all(torch.equal(weights[name], expected[0][name]) for name in weights)


def json_of(section):
    return json.dumps(dataclasses.asdict(section))
