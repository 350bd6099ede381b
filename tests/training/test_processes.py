"""Training in several processes: the mathematics of one, and none that outlives the others."""

import contextlib
import dataclasses
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from steps_py.chunks.allocation import Chunks, allocate_chunks, read_utterances, write_chunks
from steps_py.cluster.run_guard import find_jobs
from steps_py.errors import StepsError
from steps_py.model.config import ModelConfig
from steps_py.training.loop import train
from steps_py.training.processes import Ranks, check_split
from steps_py.training.trainer import builders
from tests.support.small_features import draw_utts, write_data_dir
from tests.support.small_training import small_run
from tests.training.test_loop import CHUNKS, SECTIONS, assert_same, json_of, result

ROOT = Path(__file__).parents[2]
NO_NORM = ModelConfig(
    encoder={"name": "resnet20", "base_dim": 2}, pooling={"name": "mean"}, embedding_dim=8
)
PATIENCE_SEC = 300  # for what a slow machine does in seconds


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    """Chunks of nine speakers, two of whom are held out."""
    folder = tmp_path_factory.mktemp("processes")
    write_data_dir(folder / "data", draw_utts(9, 6), kind="CM")
    config = dataclasses.replace(CHUNKS, num_valid_speakers=2)
    utterances = read_utterances([folder / "data"])
    write_chunks(utterances, allocate_chunks(utterances, config, say=str), folder / "chunks")
    return folder / "chunks"


def sections_of(model=None, **changed):
    train = dataclasses.replace(SECTIONS["train"], **{"num_epochs": 2} | changed)
    return SECTIONS | {"train": train} | ({"model": model} if model else {})


def train_as(ranks, chunks_dir, out_dir, sections, num_steps=None):
    """Train to the end, or until `num_steps` are taken and a checkpoint of them is written."""
    torch.set_num_threads(1)
    chunks = [Chunks(chunks_dir / f"{n}.tsv") for n in ("train", "valid", "valid_speakers")]

    def end_after_steps(build):
        def build_one_that_ends(previous):
            trainer = build(previous)
            take_step = trainer.take_step

            def take_step_or_exit(*batch):
                if trainer.step == num_steps:
                    os._exit(0)
                take_step(*batch)

            trainer.take_step = take_step_or_exit
            return trainer

        return build_one_that_ends

    stages = [end_after_steps(b) for b in builders(sections, chunks, ranks=ranks, say=str)]
    with ranks.together(torch.device("cpu")):
        train(stages, out_dir, ranks, say=str)


def run_two(chunks_dir, out_dir, sections, num_steps=None):
    """Two forked processes that find each other as torchrun's do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(rank):
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2"}
        train_as(Ranks(rank, 2, rank, 2), chunks_dir, out_dir, sections, num_steps)

    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=run, args=(rank,)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE_SEC)
        process.kill()
    assert [process.exitcode for process in processes] == [0, 0]


GROUPS = {"name": "speaker_groups", "utts_per_speaker": 2}
METRIC = {"loss": {"name": "ge2e"}, "sampler": GROUPS, "grad_clip": 1.0}


@pytest.mark.parametrize(
    "model, changed",
    [
        (NO_NORM, {"grad_clip": 1.0}),
        (NO_NORM, {"accumulate_steps": 2, "optimizer": {"name": "adamw", "lr": 0.01}}),
        (NO_NORM, METRIC),
        (None, {"sync_batch_norm": True}),
        (None, {"sync_batch_norm": True, "loss": {"name": "softmax", "hidden_dim": 8}}),
    ],
    ids=["margin", "accumulated", "metric", "synced-norm", "synced-norm-in-loss"],
)
def test_two_processes_come_to_what_one_does(chunks_dir, tmp_path, model, changed):
    sections = sections_of(model, **changed)
    alone = sections | {"train": dataclasses.replace(sections["train"], accumulate_steps=1)}
    train_as(Ranks(), chunks_dir, tmp_path / "one", alone)
    run_two(chunks_dir, tmp_path / "two", sections)
    (weights, rows), (expected, expected_rows) = (result(tmp_path / n) for n in ("two", "one"))
    for name, weight in expected.items():
        assert torch.allclose(weights[name].double(), weight.double(), atol=2e-4), name
    assert rows[0] == expected_rows[0]
    for row, expected_row in zip(rows[1:], expected_rows[1:], strict=True):
        assert [v == "" for v in row] == [v == "" for v in expected_row]
        values = [float(v) for v in row if v]
        assert values == pytest.approx([float(v) for v in expected_row if v], rel=2e-3, abs=2e-3)


def test_without_synced_norms_two_processes_are_not_one(chunks_dir, tmp_path):
    """Or the test above would prove nothing of batch norm."""
    train_as(Ranks(), chunks_dir, tmp_path / "one", sections_of())
    run_two(chunks_dir, tmp_path / "two", sections_of())
    (weights, _), (expected, _) = (result(tmp_path / n) for n in ("two", "one"))
    difference = weights["embedding.weight"] - expected["embedding.weight"]
    assert difference.abs().max() > 1e-3


def test_another_number_of_processes_goes_on_and_says_so(chunks_dir, tmp_path):
    """Of a network without batch norm it comes to nearly the same."""
    sections = sections_of(NO_NORM, checkpoint_minutes=1e-9)
    train_as(Ranks(), chunks_dir, tmp_path / "one", sections)
    run_two(chunks_dir, tmp_path / "mixed", sections, num_steps=5)
    said, _ = small_run(chunks_dir, tmp_path / "mixed", sections, speakers=None)
    assert any("train: 2 processes wrote it, 1 go on" in line for line in said)
    (weights, _), (expected, _) = (result(tmp_path / n) for n in ("mixed", "one"))
    assert all(torch.allclose(weights[name], x, atol=2e-4) for name, x in expected.items())


def command(chunks_dir, out_dir, sections, *options):
    names = {"config": "train", "model": "model", "cmvn": "cmvn", "chunks-config": "chunks"}
    arguments = [f"--{name}={json_of(sections[key])}" for name, key in names.items()]
    arguments += [f"--chunks={chunks_dir}", f"--out={out_dir}", "--processes=2", *options]
    return [sys.executable, "-m", "steps_py.stages.train_model", *arguments]


@contextlib.contextmanager
def started(chunks_dir, out_dir, sections, name="test_processes"):
    """train_model --processes 2 in a process of its own; whatever is left of it is ended."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SIDEWINDER_RUN": name}
    process = subprocess.Popen(
        command(chunks_dir, out_dir, sections),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        yield process
    finally:
        for pid in [*find_jobs(name), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE_SEC
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def newest_step(out_dir):
    names = [path.stem for path in out_dir.glob("checkpoints/*/*/step-*.pt")]
    return max((int(name.partition("-")[2]) for name in names), default=-1)


def test_stopped_killed_and_resumed_two_processes_come_to_the_same_bits(chunks_dir, tmp_path):
    """SIGTERM to the job; SIGKILL to the job; SIGKILL to one process; then left alone."""
    sections = sections_of(num_epochs=3, steps_per_epoch=60, checkpoint_minutes=1e-9, num_workers=1)
    expected, out_dir = tmp_path / "undisturbed", tmp_path / "disturbed"
    run_two(chunks_dir, expected, sections)
    ends = []
    for victim, number in [(None, signal.SIGTERM), (None, signal.SIGKILL), (1, signal.SIGKILL)]:
        before = newest_step(out_dir)
        with started(chunks_dir, out_dir, sections, name=f"victim-{victim}-{number}") as process:
            wait_for(lambda before=before: newest_step(out_dir) > before + 5)
            pids = [pid for pid in ranks_of(process.pid) if rank_of(pid) == victim]
            os.kill(pids[0] if victim is not None else process.pid, number)
            said, complaint = process.communicate(timeout=PATIENCE_SEC)
            wait_for(lambda: not (out_dir / "final.pt").exists())
            wait_for(lambda n=f"victim-{victim}-{number}": not find_jobs(n))
            ends.append((process.returncode, said, complaint))
    (stopped, said, _), (killed, _, _), (died, _, complaint) = ends
    assert stopped == 143 and "train: stopped by SIGTERM after step" in said
    assert said.count("train: stopped") == 1
    assert killed == -signal.SIGKILL
    assert died == 1 and "process 2 of 2 was ended by SIGKILL, and so all ended" in complaint
    assert "Traceback" not in complaint
    with started(chunks_dir, out_dir, sections) as process:
        said, complaint = process.communicate(timeout=PATIENCE_SEC)
        assert process.returncode == 0, complaint
    assert "train: resumes from" in said
    assert_same(out_dir, result(expected))


def ranks_of(pid):
    """Process ids of the training processes that a launcher started."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in children for child in path.read_text().split()]


def rank_of(pid):
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((int(x[5:]) for x in environment if x.startswith(b"RANK=")), None)


def test_a_mistake_is_told_once_whoever_makes_it(chunks_dir, tmp_path):
    sections = sections_of(batch_size=9)
    with started(chunks_dir, tmp_path, sections) as process:
        _, complaint = process.communicate(timeout=PATIENCE_SEC)
    assert process.returncode == 1
    said = "train: batch_size, 9, cannot be shared by 2 processes of accumulate_steps 1."
    assert complaint.count(said) == 1 and "Traceback" not in complaint


@pytest.mark.parametrize(
    "sizes, said",
    [
        ((9, 2, 1, 1), "batch_size, 9, cannot be shared by 2 processes"),
        ((12, 2, 2, 2), "the 2 of a speaker together. Make it a multiple of 8."),
        ((4, 2, 2, 1), "leaves a part of one chunk to each of 2 processes"),
    ],
)
def test_a_batch_that_cannot_be_shared_is_refused(sizes, said):
    with pytest.raises(StepsError) as error:
        check_split(*sizes)
    assert said in str(error.value)


def test_gradients_larger_than_a_piece_are_summed_as_well(monkeypatch, tmp_path, chunks_dir):
    monkeypatch.setattr("steps_py.training.processes.PIECE_BYTES", 100)
    run_two(chunks_dir, tmp_path / "pieces", sections_of(NO_NORM))
    monkeypatch.undo()
    run_two(chunks_dir, tmp_path / "whole", sections_of(NO_NORM))
    assert_same(tmp_path / "pieces", result(tmp_path / "whole"))


def test_nobody_is_rank_0_of_1():
    ranks = Ranks.of_environment({})
    assert (ranks.rank, ranks.num_ranks, ranks.leads) == (0, 1, True)
    assert ranks.gather("x") == ["x"] and ranks.told_by_first("y") == "y"
    told = json.dumps({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"})
    ranks = Ranks.of_environment(json.loads(told))
    assert (ranks.rank, ranks.num_ranks, ranks.local_rank, ranks.num_local) == (3, 8, 1, 2)
