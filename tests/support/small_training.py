"""Small trainings, and trainings that are cut off again and again."""

import dataclasses

import torch

from steps_py.chunks.allocation import Chunks, allocate_chunks, read_utterances, write_chunks
from steps_py.settings.build import replaced
from steps_py.training.loop import train
from steps_py.training.trainer import builders
from tests.support.small_features import draw_utts, write_data_dir
from tests.training.test_loop import CHUNKS, SECTIONS

torch.set_num_threads(1)
SPEAKERS = [f"spk{i:02d}" for i in range(7)]


class Killed(Exception):
    """The end of a process that nothing was told of."""


def write_small_chunks(folder):
    """Chunks of seven speakers and, held out, of two more; six utterances each."""
    write_data_dir(folder / "data", draw_utts(9, 6), kind="CM")
    config = dataclasses.replace(CHUNKS, num_valid_speakers=2)
    utterances = read_utterances([folder / "data"])
    write_chunks(utterances, allocate_chunks(utterances, config, say=str), folder / "chunks")
    return folder / "chunks"


def small_sections(chunks=(), model=None, **train):
    """Sections of two epochs of six steps, changed."""
    changed = {"num_epochs": 2} | train
    sections = SECTIONS | {"train": replaced(SECTIONS["train"], "train", **changed)}
    sections["chunks"] = replaced(CHUNKS, "chunks", **dict(chunks))
    return sections | ({"model": model} if model else {})


def small_builders(chunks_dir, sections, say=str, speakers=SPEAKERS):
    chunks = [Chunks(chunks_dir / f"{n}.tsv") for n in ("train", "valid", "valid_speakers")]
    return builders(sections, chunks, speakers=speakers, say=say)


def small_run(chunks_dir, out_dir, sections, change=lambda trainer: None, **options):
    """Train; what is said, and the Trainers of the stages, each given to `change` first."""
    said, trainers = [], []

    def changed(build):
        def build_and_change(previous):
            trainers.append(build(previous))
            change(trainers[-1])
            return trainers[-1]

        return build_and_change

    made = small_builders(chunks_dir, sections, say=said.append, **options)
    train([changed(build) for build in made], out_dir, say=said.append)
    return said, trainers


def run_cut_off(chunks_dir, out_dir, sections, stops, change=lambda trainer: None):
    """Train, cut off after so many steps in each run, until a run ends by itself."""

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
        raise AssertionError("came to its end before it was cut off")
    return small_run(chunks_dir, out_dir, sections, change)
