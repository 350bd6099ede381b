"""Train the network: the loop around the steps, resumed exactly after any stop."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import torch
from tqdm import tqdm

from steps_py.batches import read_ahead, readers_may_die
from steps_py.checkpoint import Checkpoints
from steps_py.errors import StepsError
from steps_py.files import atomic_write
from steps_py.model.extractor import Extractor, save_extractor
from steps_py.trainer import COLUMNS

EXIT_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}


def train(trainer, out_dir, say=print):
    """Run a Trainer to its end and write epochs.tsv and final.pt into `out_dir`.

    Checkpoints lie in ``out_dir/checkpoints`` until final.pt is written.  On SIGTERM or
    SIGINT a checkpoint is written and SystemExit raised, with the status 143 or 130.
    """
    out_dir = Path(out_dir)
    for leftover in out_dir.glob("**/.*.tmp"):  # of a run that was killed while it wrote
        leftover.unlink()
    keep = trainer.config.keep_checkpoints
    checkpoints = Checkpoints(out_dir / "checkpoints", trainer.settings, keep=keep, say=say)
    state = checkpoints.load()
    if state:
        trainer.restore(state)
        write_epochs(out_dir / "epochs.tsv", trainer.rows)
    say(describe(trainer))
    with stop_signals() as stop, readers_may_die(), gpu_memory_may_run_out():
        run_steps(trainer, checkpoints, out_dir, stop, say)
    if stop:
        checkpoints.save(trainer.step, trainer.state())
        say(
            f"train: stopped by {stop[0].name} after step {trainer.step} of {trainer.num_steps};"
            " the same command resumes there"
        )
        sys.exit(EXIT_CODES[stop[0]])
    extractor = Extractor(
        model=trainer.model,
        config=trainer.sections["model"],
        feat_dim=trainer.reader.feat_dim,
        cmvn=trainer.sections["cmvn"],
    )
    save_extractor(out_dir / "final.pt", extractor)
    checkpoints.clear()


def run_steps(trainer, checkpoints, out_dir, stop, say):
    """All steps that are left, or those until a signal is in `stop`."""
    saved_at, bar = time.monotonic(), None
    for batch in batches_ahead(trainer):
        bar = bar or progress_bar(trainer)
        trainer.take_step(*batch)
        update(bar, trainer)
        if trainer.step % trainer.steps_per_epoch == 0:
            bar.close()
            bar = None
            trainer.end_epoch()
            say(describe_epoch(trainer))
            write_epochs(out_dir / "epochs.tsv", trainer.rows)
        if stop:
            break
        minutes = (time.monotonic() - saved_at) / 60
        if bar is None or minutes >= trainer.config.checkpoint_minutes:
            checkpoints.save(trainer.step, trainer.state())
            saved_at = time.monotonic()
    if bar:
        bar.close()


def batches_ahead(trainer):
    """The batches of the steps that are left."""
    num_values = trainer.sections["chunks"].max_frames * trainer.reader.feat_dim
    return read_ahead(
        trainer.read_batch,
        range(trainer.step, trainer.num_steps),
        min(trainer.config.num_workers, len(os.sched_getaffinity(0))),
        batch_bytes=4 * num_values * trainer.config.batch_size,
        pin_memory=trainer.device.type == "cuda",
    )


@contextlib.contextmanager
def stop_signals():
    """A list that SIGTERM and SIGINT are put into; the second one acts as ever."""
    received, previous = [], {}

    def receive(number, frame):
        received.append(signal.Signals(number))
        for each, handler in previous.items():
            signal.signal(each, handler)

    for number in EXIT_CODES:
        previous[number] = signal.signal(number, receive)
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def gpu_memory_may_run_out():
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise StepsError(
            f"train: {str(error).splitlines()[0]} Lower train.batch_size or chunks.max_frames."
        ) from None


def progress_bar(trainer):
    """A bar for the epoch; in a log file it shows less often."""
    return tqdm(
        desc=f"epoch {trainer.epoch + 1}/{trainer.config.num_epochs}",
        total=trainer.steps_per_epoch,
        initial=trainer.step % trainer.steps_per_epoch,
        unit="step",
        leave=False,
        mininterval=0.2 if sys.stderr.isatty() else 10,
    )


def update(bar, trainer):
    loss, accuracy = trainer.means()
    speed = (bar.format_dict["rate"] or 0) * trainer.config.batch_size
    bar.set_postfix_str(
        f"loss {loss:.3f}, accuracy {100 * accuracy:.1f} %, {speed:.0f} examples/s", refresh=False
    )
    bar.update()


def describe(trainer):
    """What is trained on what, in one line."""
    num_weights = sum(p.numel() for p in trainer.model.parameters())
    return (
        f"train: {trainer.sampler.num_speakers} speakers, {len(trainer.sampler.num_frames_U)}"
        f" utterances, {num_weights} weights, {trainer.config.num_epochs} epochs of"
        f" {trainer.steps_per_epoch} steps of {trainer.config.batch_size} chunks, on"
        f" {trainer.device} in {trainer.precision}"
    )


def describe_epoch(trainer):
    row = trainer.rows[-1]
    valid = ""
    if row["valid_loss"] is not None:
        valid = f"; held out: {row['valid_loss']:.4f}, {100 * row['valid_accuracy']:.2f} %"
    return (
        f"train: epoch {row['epoch']} of {trainer.config.num_epochs}: loss"
        f" {row['train_loss']:.4f}, accuracy {100 * row['train_accuracy']:.2f} %{valid};"
        f" lr {row['lr']:.3g}, {row['examples_per_sec']:.1f} examples/s"
    )


def write_epochs(path, rows):
    """Write epochs.tsv, whole; a value that does not exist is left empty."""

    def text(value):
        return "" if value is None else f"{value:.6g}"

    with atomic_write(path) as out:
        out.write("\t".join(COLUMNS) + "\n")
        out.writelines("\t".join(text(row[column]) for column in COLUMNS) + "\n" for row in rows)
