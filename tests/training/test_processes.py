"""Training in several processes: same result as one process, and no process outlives the others."""

import contextlib
import dataclasses
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
from steps_py.training.build import trainer_builders
from steps_py.training.loop import train
from steps_py.training.processes import ProcessGroup, check_split
from tests.support.small_features import draw_utts, write_data_dir
from tests.support.small_training import CHUNKS, SECTIONS, assert_same, json_of, result, small_run

ROOT = Path(__file__).parents[2]
NO_NORM = ModelConfig(
    encoder={"name": "resnet20", "base_dim": 2}, pooling={"name": "mean"}, embedding_dim=8
)
TIMEOUT_SEC = 300  # for a slow machine


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    """Chunks of nine speakers, two of whom are held out."""
    folder = tmp_path_factory.mktemp("processes")
    write_data_dir(folder / "data", draw_utts(9, 6), kind="CM")
    config = dataclasses.replace(CHUNKS, num_valid_speakers=2)
    utterances = read_utterances([folder / "data"])
    write_chunks(utterances, allocate_chunks(utterances, config, log=str), folder / "chunks")
    return folder / "chunks"


def sections_of(model=None, **changed):
    train = dataclasses.replace(SECTIONS["train"], **{"num_epochs": 2} | changed)
    return SECTIONS | {"train": train} | ({"model": model} if model else {})


def train_as(group, chunks_dir, out_dir, sections, num_steps=None):
    """Train to the end, or until `num_steps` are taken and a checkpoint of them is written."""
    torch.set_num_threads(1)
    chunks = [Chunks(chunks_dir / f"{n}.tsv") for n in ("train", "valid", "valid_speakers")]

    def limit_steps(build):
        def build_and_limit(previous):
            trainer = build(previous)
            take_step = trainer.take_step

            def take_step_or_exit(*batch):
                if trainer.step == num_steps:
                    os._exit(0)
                take_step(*batch)

            trainer.take_step = take_step_or_exit
            return trainer

        return build_and_limit

    stages = [limit_steps(b) for b in trainer_builders(sections, chunks, group, log=str)]
    with group.joined(torch.device("cpu")):
        train(stages, out_dir, group, log=str)


def run_two(chunks_dir, out_dir, sections, num_steps=None):
    """Train in two forked processes, connected as by torchrun."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(rank):
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2"}
        train_as(ProcessGroup(rank, 2, rank, 2), chunks_dir, out_dir, sections, num_steps)

    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=run, args=(rank,)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(TIMEOUT_SEC)
        process.kill()
    assert [process.exitcode for process in processes] == [0, 0]


GROUPS = {"name": "speaker_groups", "utts_per_speaker": 2}
METRIC = {"loss": {"name": "triplet_history"}, "sampler": GROUPS, "grad_clip": 1.0}
MIX = {"name": "mixup", "alpha": 1.0}
SAM = {"name": "sam", "radius": 0.5, "inner": {"name": "adamw", "lr": 0.01}}


@pytest.mark.parametrize(
    "model, changed",
    [
        (NO_NORM, {"grad_clip": 1.0, "average": {"name": "ema", "decay": 0.8}, "mix": MIX}),
        (NO_NORM, {"accumulate_steps": 2, "optimizer": SAM}),
        (NO_NORM, METRIC),
        (NO_NORM, METRIC | {"loss": {"name": "dplda", "lda_dim": 4, "start_chunks": 40}}),
        (None, {"sync_batch_norm": True}),
        (None, {"sync_batch_norm": True, "loss": {"name": "softmax", "hidden_dim": 8}}),
    ],
    ids=[
        "margin-ema-mixup",
        "accumulated-two-passes",
        "metric",
        "discriminative-plda",
        "synced-norm",
        "synced-norm-in-loss",
    ],
)
def test_two_processes_give_the_result_of_one(chunks_dir, tmp_path, model, changed):
    sections = sections_of(model, **changed)
    alone = sections | {"train": dataclasses.replace(sections["train"], accumulate_steps=1)}
    train_as(ProcessGroup(), chunks_dir, tmp_path / "one", alone)
    run_two(chunks_dir, tmp_path / "two", sections)
    (weights, rows), (expected, expected_rows) = (result(tmp_path / n) for n in ("two", "one"))
    for name, weight in expected.items():
        assert torch.allclose(weights[name].double(), weight.double(), atol=2e-4), name
    assert rows[0] == expected_rows[0]
    for row, expected_row in zip(rows[1:], expected_rows[1:], strict=True):
        assert [v == "" for v in row] == [v == "" for v in expected_row]
        values = [float(v) for v in row if v]
        assert values == pytest.approx([float(v) for v in expected_row if v], rel=2e-3, abs=2e-3)


def test_without_synchronised_norms_two_processes_differ_from_one(chunks_dir, tmp_path):
    """Otherwise the test above would not cover batch norm."""
    train_as(ProcessGroup(), chunks_dir, tmp_path / "one", sections_of())
    run_two(chunks_dir, tmp_path / "two", sections_of())
    (weights, _), (expected, _) = (result(tmp_path / n) for n in ("two", "one"))
    difference = weights["embedding.weight"] - expected["embedding.weight"]
    assert difference.abs().max() > 1e-3


def test_resuming_with_another_number_of_processes_is_reported(chunks_dir, tmp_path):
    """Without batch norm the result is nearly the same."""
    sections = sections_of(NO_NORM, checkpoint_minutes=1e-9)
    train_as(ProcessGroup(), chunks_dir, tmp_path / "one", sections)
    run_two(chunks_dir, tmp_path / "mixed", sections, num_steps=5)
    messages, _ = small_run(chunks_dir, tmp_path / "mixed", sections, speakers=None)
    assert any("written by 2 processes and is resumed by 1" in line for line in messages)
    (weights, _), (expected, _) = (result(tmp_path / n) for n in ("mixed", "one"))
    assert all(torch.allclose(weights[name], x, atol=2e-4) for name, x in expected.items())


def command(chunks_dir, out_dir, sections, *options):
    names = {"config": "train", "model": "model", "cmvn": "cmvn", "chunks-config": "chunks"}
    arguments = [f"--{name}={json_of(sections[key])}" for name, key in names.items()]
    arguments += [f"--chunks={chunks_dir}", f"--out={out_dir}", "--processes=2", *options]
    return [sys.executable, "-m", "steps_py.stages.train_model", *arguments]


@contextlib.contextmanager
def started(chunks_dir, out_dir, sections, name="test_processes"):
    """train_model --processes 2 in a process of its own; what remains of it is killed."""
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
    deadline = time.monotonic() + TIMEOUT_SEC
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def newest_step(out_dir):
    names = [path.stem for path in out_dir.glob("checkpoints/*/*/step-*.pt")]
    return max((int(name.partition("-")[2]) for name in names), default=-1)


def test_two_processes_stopped_killed_and_resumed_give_bit_identical_weights(chunks_dir, tmp_path):
    """SIGTERM to the job; SIGKILL to the job; SIGKILL to one process; then uninterrupted."""
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
            messages, stderr = process.communicate(timeout=TIMEOUT_SEC)
            wait_for(lambda: not (out_dir / "final.pt").exists())
            wait_for(lambda n=f"victim-{victim}-{number}": not find_jobs(n))
            ends.append((process.returncode, messages, stderr))
    (stopped, messages, _), (killed, _, _), (died, _, stderr) = ends
    assert stopped == 143 and "train: stopped by SIGTERM after step" in messages
    assert messages.count("train: stopped") == 1
    assert killed == -signal.SIGKILL
    assert died == 1 and "rank 1 of 2 was killed by SIGKILL; all processes were stopped" in stderr
    assert "Traceback" not in stderr
    with started(chunks_dir, out_dir, sections) as process:
        messages, stderr = process.communicate(timeout=TIMEOUT_SEC)
        assert process.returncode == 0, stderr
    assert "train: resuming from" in messages
    assert_same(out_dir, result(expected))


def ranks_of(pid):
    """Process ids of the training processes that a launcher started."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in children for child in path.read_text().split()]


def rank_of(pid):
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((int(x[5:]) for x in environment if x.startswith(b"RANK=")), None)


def test_an_error_of_several_processes_is_reported_once(chunks_dir, tmp_path):
    sections = sections_of(batch_size=9)
    with started(chunks_dir, tmp_path, sections) as process:
        _, stderr = process.communicate(timeout=TIMEOUT_SEC)
    assert process.returncode == 1
    message = (
        "train: batch_size is 9; it cannot be split evenly over 2 processes with accumulate_steps 1"
    )
    assert stderr.count(message) == 1 and "Traceback" not in stderr


@pytest.mark.parametrize(
    "sizes, message",
    [
        ((9, 2, 1, 1), "batch_size is 9; it cannot be split evenly over 2 processes"),
        ((12, 2, 2, 2), "in groups of 2 per speaker. Set it to a multiple of 8."),
        ((4, 2, 2, 1), "gives 2 processes with accumulate_steps 2 one chunk at a time"),
    ],
)
def test_a_batch_that_cannot_be_split_is_refused(sizes, message):
    with pytest.raises(StepsError) as error:
        check_split(*sizes)
    assert message in str(error.value)


def test_gradients_larger_than_a_bucket_are_reduced(monkeypatch, tmp_path, chunks_dir):
    monkeypatch.setattr("steps_py.training.processes.BUCKET_BYTES", 100)
    run_two(chunks_dir, tmp_path / "buckets", sections_of(NO_NORM))
    monkeypatch.undo()
    run_two(chunks_dir, tmp_path / "whole", sections_of(NO_NORM))
    assert_same(tmp_path / "buckets", result(tmp_path / "whole"))


def test_the_group_is_read_from_the_environment():
    group = ProcessGroup.from_environment({})
    assert (group.rank, group.num_processes, group.is_first) == (0, 1, True)
    assert group.gather_objects("x") == ["x"] and group.broadcast_object("y") == "y"
    environ = {"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    group = ProcessGroup.from_environment(environ)
    assert (group.rank, group.num_processes, group.local_rank, group.num_local) == (3, 8, 1, 2)
