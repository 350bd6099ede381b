"""Train the network: the loop around the steps, resumed exactly after any stop."""

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

import torch
from tqdm import tqdm

from steps_py.chunks.batches import choose_num_workers, read_ahead, readers_may_die
from steps_py.errors import StepsError
from steps_py.files import atomic_write
from steps_py.model.extractor import Extractor, save_extractor
from steps_py.training.checkpoint import Checkpoints
from steps_py.training.initial_weights import save_head
from steps_py.training.non_finite import gave_up
from steps_py.training.processes import Ranks, peers_may_die
from steps_py.training.signals import EXIT_CODES, stop_signals
from steps_py.training.tensorboard import write_events
from steps_py.training.trainer import COLUMNS


def train(builders, out_dir, ranks=None, say=print):
    """Run the stages of a training to their end; write epochs.tsv, final.pt and head.pt.

    Parameters
    ----------
    builders : list of callables
        One for each stage: ``build(previous) -> Trainer``, `previous` the one before or None.
    out_dir : path
        Checkpoints lie in ``out_dir/checkpoints`` until final.pt is written; the curves for
        TensorBoard in ``out_dir/tensorboard``.
    ranks : Ranks
        The processes that train together; the first one writes and speaks.

    On SIGTERM or SIGINT a checkpoint is written and SystemExit raised, with the status 143 or
    130.
    """
    out_dir, ranks = Path(out_dir), ranks or Ranks()
    say = say if ranks.leads else str
    if ranks.leads:
        for leftover in out_dir.glob("**/.*.tmp"):  # of a run that was killed while it wrote
            leftover.unlink()
    trainer, rows = None, []
    for number, build in enumerate(builders, 1):
        trainer = build(trainer)
        folder = out_dir / "checkpoints" / f"stage-{number}"
        Stage(trainer, Storage(folder, trainer, rows, say), say).run()
        trainer.finalise()
        rows = rows + trainer.rows
    if ranks.leads:
        save_final(trainer, out_dir)
        shutil.rmtree(out_dir / "checkpoints", ignore_errors=True)


def save_final(trainer, out_dir):
    """Write the network for extraction, and the head for whoever trains on from here."""
    extractor = Extractor(
        model=trainer.network.model,
        config=trainer.sections["model"],
        feat_dim=trainer.reader.feat_dim,
        cmvn=trainer.sections["cmvn"],
        front_end=trainer.sections.get("front_end"),
    )
    save_head(out_dir / "head.pt", trainer.network.loss, trainer.config.loss, trainer.speakers)
    save_extractor(out_dir / "final.pt", extractor)


class Storage:
    """Where the state of a stage and its rows go; the first process alone touches files."""

    def __init__(self, folder, trainer, rows_before, say):
        self._trainer, self._rows_before, self._say = trainer, rows_before, say
        self._out_dir = folder.parents[1]
        self._checkpoints = Checkpoints(
            folder,
            trainer.settings,
            keep=trainer.config.keep_checkpoints,
            steps_per_epoch=trainer.steps_per_epoch,
            say=say,
        )

    def resume(self):
        """Restore the newest state, if there is one."""
        ranks = self._trainer.ranks
        state = ranks.told_by_first(self._checkpoints.load() if ranks.leads else None)
        if state:
            self._trainer.restore(state)
            self.write_epochs()
            if len(state["random"]) != ranks.num_ranks:
                self._say(
                    f"train: {len(state['random'])} processes wrote it, {ranks.num_ranks} go on:"
                    " the result is not that of either alone, bit for bit"
                )
        else:
            self.save()  # to roll back to

    def save(self):
        """Write a checkpoint, if the weights are worth it."""
        state = self._trainer.state()
        if self._trainer.ranks.leads and self._trainer.is_finite():
            self._checkpoints.save(self._trainer.step, state)
        self._trainer.ranks.told_by_first(None)  # all wait until it is written

    def roll_back(self):
        """Begin the epoch again with half the learning rate, or raise StepsError."""
        trainer = self._trainer
        if trainer.rollbacks == trainer.config.max_rollbacks:
            raise gave_up(trainer)
        ranks = trainer.ranks
        state = ranks.told_by_first(self._checkpoints.load_epoch_start() if ranks.leads else None)
        if state is None:
            raise gave_up(trainer)
        trainer.roll_back(state)
        self.save()

    def write_epochs(self):
        if self._trainer.ranks.leads:
            rows = self._rows_before + self._trainer.rows
            write_epochs(self._out_dir / "epochs.tsv", rows)
            write_events(self._out_dir / "tensorboard" / "events.out.tfevents.sidewinder", rows)


class Stage:
    """The loop around the steps of a Trainer."""

    def __init__(self, trainer, storage, say):
        self._trainer, self._storage, self._say = trainer, storage, say

    def run(self):
        """Take all steps that are left, or exit after a signal."""
        trainer = self._trainer
        alone = trainer.ranks.num_ranks == 1
        # torchrun and a scheduler may both send a signal; one process takes the second as an order
        with (
            stop_signals(again=alone) as stop,
            readers_may_die(),
            gpu_memory_may_run_out(),
            contextlib.nullcontext() if alone else peers_may_die(),
        ):
            self._storage.resume()
            self._say(describe(trainer))
            self._saved_at, stopped = time.monotonic(), False
            while not (trainer.finished or stopped):
                stopped = self._run_until_rollback(stop)
        if stopped:
            self._storage.save()
            received = trainer.ranks.gather(stop[0] if stop else None)
            received = next(number for number in received if number)
            self._say(
                f"train: stopped by {received.name} after step {trainer.step} of"
                f" {trainer.num_steps}; the same command resumes there"
            )
            sys.exit(EXIT_CODES[received])

    def _run_until_rollback(self, stop):
        """Steps until the end, a return to an epoch's start, or a signal: true if that."""
        trainer, bar = self._trainer, None
        try:
            for batch in batches_ahead(trainer):
                bar = bar or progress_bar(trainer)
                trainer.wishes = self._wishes(stop)
                trainer.take_step(*batch)
                update(bar, trainer)
                if trainer.must_roll_back:
                    self._roll_back()
                    return False
                to_stop, to_save = self._heard(stop)
                if trainer.at_epoch_end:
                    bar.close()
                    bar, to_save = None, True
                    trainer.end_epoch()
                    self._say(describe_epoch(trainer))
                    self._storage.write_epochs()
                if to_stop:
                    return True
                if to_save:
                    self._storage.save()
                    self._saved_at = time.monotonic()
                if trainer.finished:
                    return False
        finally:
            if bar:
                bar.close()
        return False

    def _wishes(self, stop):
        minutes = (time.monotonic() - self._saved_at) / 60
        is_time = minutes >= self._trainer.config.checkpoint_minutes
        return bool(stop), is_time and self._trainer.ranks.leads

    def _heard(self, stop):
        """What is to be done: by oneself at once, by several when all have heard of it."""
        trainer = self._trainer
        if trainer.ranks.num_ranks == 1:
            return self._wishes(stop)
        heard, trainer.heard = trainer.heard, (False, False)
        return heard

    def _roll_back(self):
        trainer = self._trainer
        skipped, step = trainer.skipped, trainer.step
        self._storage.roll_back()
        self._say(
            f"train: {skipped} steps of epoch {step // trainer.steps_per_epoch + 1} were not finite"
            f" and left out; begins again after step {trainer.step} with half the lr"
            f" ({trainer.lr_at(trainer.step):.3g})"
        )


def batches_ahead(trainer):
    """The batches of the steps that are left."""
    chunk_bytes = trainer.reader.chunk_bytes(trainer.sections["chunks"].max_frames)
    num_chunks = trainer.config.batch_size // trainer.ranks.num_ranks
    on_gpu, num_processors = trainer.network.device.type == "cuda", len(os.sched_getaffinity(0))
    # the job may have fewer than the machine
    num_own = min(trainer.ranks.job_threads, num_processors) // trainer.ranks.num_local
    num_workers = choose_num_workers(trainer.config.num_workers, on_gpu, num_own)
    return read_ahead(
        trainer.read_batch,
        range(trainer.step, trainer.num_steps),
        min(num_workers, num_processors),
        batch_bytes=chunk_bytes * num_chunks,
        pin_memory=on_gpu,
    )


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
        disable=not trainer.ranks.leads,
    )


def update(bar, trainer):
    loss, accuracy = trainer.means()
    speed = (bar.format_dict["rate"] or 0) * trainer.config.batch_size
    shown = [f"loss {loss:.3f}", percent("accuracy", accuracy, 1), f"{speed:.0f} examples/s"]
    bar.set_postfix_str(", ".join(filter(None, shown)), refresh=False)
    bar.update()


def percent(name, fraction, digits=2):
    """Words for a fraction, or nothing for None.

    >>> percent("EER", 0.0512)
    'EER 5.12 %'
    """
    return "" if fraction is None else f"{name} {100 * fraction:.{digits}f} %"


def describe(trainer):
    """What is trained on what, in one line."""
    num_weights = sum(p.numel() for p in trainer.network.model.parameters())
    config, num_ranks = trainer.config, trainer.ranks.num_ranks
    processes = f"{num_ranks} processes on " if num_ranks > 1 else ""
    stage = f" stage {trainer.stage}:" if trainer.stage > 1 else ""
    return (
        f"train:{stage} {trainer.sampler.num_speakers} speakers,"
        f" {len(trainer.sampler.num_frames_U)} utterances, {num_weights} weights,"
        f" {config.num_epochs} epochs of {trainer.steps_per_epoch} steps of {config.batch_size}"
        f" chunks, on {processes}{trainer.network.device} in {trainer.network.precision}"
    )


def describe_epoch(trainer):
    row = trainer.rows[-1]
    held_out = [
        "" if row["valid_loss"] is None else f"{row['valid_loss']:.4f}",
        percent("accuracy", row["valid_accuracy"]),
        percent("EER", row["valid_eer"]),
    ]
    held_out = ", ".join(filter(None, held_out))
    said = [
        f"loss {row['train_loss']:.4f}",
        percent("accuracy", row["train_accuracy"]),
        f"{row['skipped_steps']} steps left out" if row["skipped_steps"] else "",
    ]
    return (
        f"train: epoch {row['epoch']} of {trainer.config.num_epochs}:"
        f" {', '.join(filter(None, said))}{'; held out: ' if held_out else ''}{held_out};"
        f" lr {row['lr']:.3g}, {row['examples_per_sec']:.1f} examples/s"
    )


def write_epochs(path, rows):
    """Write epochs.tsv, whole; a value that does not exist is left empty."""

    def text(value):
        return "" if value is None else f"{value:.6g}"

    with atomic_write(path) as out:
        out.write("\t".join(COLUMNS) + "\n")
        out.writelines("\t".join(text(row[column]) for column in COLUMNS) + "\n" for row in rows)
