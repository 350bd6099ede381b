"""Interrupted trainings resume to bit-identical weights; changed settings start again."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steps_py.settings.build import replaced
from steps_py.training.loop import train
from tests.support.small_training import (
    SECTIONS,
    assert_same,
    json_of,
    result,
    run,
    run_trainer,
    trainer_of,
)


def run_without_end(chunks_dir, out_dir, **changed):
    """A training that waits before its last step, so that it can be killed on a fast machine."""
    waiting = trainer_of(chunks_dir, **changed)
    take_step = waiting.take_step

    def wait_or_take_step(*batch):
        if waiting.step == waiting.num_steps - 1:
            time.sleep(3600)
        take_step(*batch)

    waiting.take_step = wait_or_take_step
    run_trainer(waiting, out_dir)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_repeatedly_killed_training_gives_bit_identical_weights(chunks_dir, tmp_path, num_workers):
    """A checkpoint after each step; SIGKILL at 20 random times, also while writing."""
    changed = {"steps_per_epoch": 50, "num_workers": num_workers, "checkpoint_minutes": 1e-9}
    run(chunks_dir, tmp_path / "undisturbed", **changed)
    out_dir, waits = tmp_path / "killed", random.Random(num_workers)
    for patience in range(20):
        process = multiprocessing.get_context("fork").Process(
            target=run_without_end, args=(chunks_dir, out_dir), kwargs=changed
        )
        process.start()
        process.join(waits.uniform(0.05, 0.4) * (1 + patience / 10))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
    run(chunks_dir, out_dir, **changed)
    assert_same(out_dir, result(tmp_path / "undisturbed"))
    finals = [path.read_bytes() for path in tmp_path.glob("*/final.pt")]
    assert len(finals) == 2 and finals[0] == finals[1]
    assert sorted(path.name for path in out_dir.iterdir()) == [
        "epochs.tsv",
        "final.pt",
        "head.pt",
        "tensorboard",
    ]


def signal_at(trainer, number, step):
    """Send this process a signal just before a step."""
    take_step = trainer.take_step

    def take_step_and_signal(*batch):
        if trainer.step == step:
            os.kill(os.getpid(), number)
        take_step(*batch)

    trainer.take_step = take_step_and_signal


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_training_resumes_after_a_signal(chunks_dir, tmp_path, expected, number, status):
    before = signal.getsignal(number)
    stopped, messages = trainer_of(chunks_dir), []
    signal_at(stopped, number, step=8)
    with pytest.raises(SystemExit) as end:
        train([lambda previous: stopped], tmp_path, log=messages.append)
    assert end.value.code == status
    assert messages[-1].startswith(f"train: stopped by {number.name} after step 9 of 18")
    assert signal.getsignal(number) == before
    (tmp_path / "epochs.tsv").unlink()  # Snakemake removes what a failed job made
    messages = run(chunks_dir, tmp_path)
    assert "step-000000009.pt" in messages[0]
    assert_same(tmp_path, expected)


def test_the_command_exits_143_on_sigterm_and_0_when_called_again(chunks_dir, tmp_path):
    changed = {"steps_per_epoch": 150, "checkpoint_minutes": 1e-9}
    run(chunks_dir, tmp_path / "undisturbed", **changed)
    sections = {key: json_of(SECTIONS[key]) for key in SECTIONS}
    sections["train"] = json_of(replaced(SECTIONS["train"], "train", **changed))
    command = [sys.executable, "-m", "steps_py.stages.train_model", "--out", tmp_path / "out"]
    command += ["--config", sections["train"], "--model", sections["model"]]
    command += ["--cmvn", sections["cmvn"], "--chunks-config", sections["chunks"]]
    command += ["--chunks", chunks_dir]
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    for line in process.stdout:
        if "epoch 1 of 3" in line:
            process.send_signal(signal.SIGTERM)
    assert process.wait() == 143
    subprocess.run(command, check=True, capture_output=True, env=environment)
    assert_same(tmp_path / "out", result(tmp_path / "undisturbed"))


def test_changed_settings_start_from_the_beginning_with_a_message(chunks_dir, tmp_path, expected):
    stopped = trainer_of(chunks_dir, batch_size=4)
    signal_at(stopped, signal.SIGTERM, step=2)
    with pytest.raises(SystemExit):
        run_trainer(stopped, tmp_path)
    messages = run(chunks_dir, tmp_path)
    assert "(train.batch_size was 4, is 8)" in messages[0]
    assert_same(tmp_path, expected)


def test_a_changed_training_list_starts_from_the_beginning(chunks_dir, tmp_path):
    stopped = trainer_of(chunks_dir)
    stopped.settings["chunks"] = "of another table"
    signal_at(stopped, signal.SIGTERM, step=2)
    with pytest.raises(SystemExit):
        run_trainer(stopped, tmp_path)
    assert "chunks was of another table" in run(chunks_dir, tmp_path)[0]


def test_training_resumes_from_the_checkpoint_before_a_damaged_one(chunks_dir, tmp_path, expected):
    stopped = trainer_of(chunks_dir, checkpoint_minutes=1e-9)
    signal_at(stopped, signal.SIGTERM, step=8)
    with pytest.raises(SystemExit):
        run_trainer(stopped, tmp_path)
    newest = max(tmp_path.glob("checkpoints/*/*/step-*.pt"))
    newest.write_bytes(newest.read_bytes()[:-100])
    messages = run(chunks_dir, tmp_path)
    assert "damaged" in messages[0] and "step-000000008.pt" in messages[1]
    assert_same(tmp_path, expected)


def test_a_finished_training_that_runs_again_starts_from_the_beginning(
    chunks_dir, tmp_path, expected
):
    for _ in range(2):
        messages = run(chunks_dir, tmp_path)
        assert not any("resuming" in line for line in messages)
    assert_same(tmp_path, expected)
