"""The training loop: runs all steps, writes checkpoints, and resumes exactly after any stop."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from steps_py.chunks.batches import choose_num_workers, read_ahead, translate_loader_failure
from steps_py.errors import StepsError
from steps_py.model.extractor import Extractor, save_extractor
from steps_py.training.build import TrainerBuilder
from steps_py.training.initial_weights import save_head
from steps_py.training.processes import ProcessGroup, Requests, translate_peer_failure
from steps_py.training.progress import (
    describe,
    describe_epoch,
    progress_bar,
    update,
    warnings_of_epoch,
)
from steps_py.training.signals import EXIT_CODES, stop_signals
from steps_py.training.storage import Storage
from steps_py.training.trainer import Trainer


def train(
    builders: Sequence[TrainerBuilder],
    out_dir: str | Path,
    group: ProcessGroup | None = None,
    log: Callable[[str], object] = print,
    save: Callable[[Trainer, Path], None] | None = None,
) -> None:
    """Run the stages of a training to their end; write epochs.tsv, final.pt and head.pt.

    Parameters
    ----------
    builders : list of callables
        One for each stage: ``build(previous) -> Trainer``, where `previous` is the Trainer of
        the stage before or None.
    out_dir : path
        Checkpoints are kept in ``out_dir/checkpoints`` until final.pt is written; the TensorBoard
        curves are in ``out_dir/tensorboard``.
    group : ProcessGroup, optional
        The processes that train together; only the first one writes files and logs.
    log : callable
        Called with each message.
    save : callable, optional
        ``save(trainer, out_dir)`` writes the result; by default `save_final`.

    Raises
    ------
    SystemExit
        On SIGTERM or SIGINT, after a checkpoint is written, with status 143 or 130.
    StepsError
        If the training diverges, or a process that reads batches dies.
    """
    out_dir, group = Path(out_dir), group or ProcessGroup()
    log = log if group.is_first else str
    if group.is_first:
        for unfinished in out_dir.glob("**/.*.tmp"):  # of a run that was killed while writing
            unfinished.unlink()
    trainer, rows = None, []
    for stage, build in enumerate(builders, 1):
        trainer = build(trainer)
        folder = out_dir / "checkpoints" / f"stage-{stage}"
        StageLoop(trainer, Storage(folder, trainer, rows, log), log).run()
        trainer.finalise()
        rows = rows + trainer.rows
    if group.is_first:
        (save or save_final)(trainer, out_dir)
        shutil.rmtree(out_dir / "checkpoints", ignore_errors=True)


def save_final(trainer: Trainer, out_dir: Path) -> None:
    """Write final.pt, the network for extraction, and head.pt, the weights of the loss."""
    extractor = Extractor(
        model=trainer.network.model,
        config=trainer.sections["model"],
        feat_dim=trainer.reader.feat_dim,
        cmvn=trainer.sections["cmvn"],
        front_end=trainer.sections.get("front_end"),
    )
    save_head(out_dir / "head.pt", trainer.network.loss, trainer.config.loss, trainer.speakers)
    save_extractor(out_dir / "final.pt", extractor)


class StageLoop:
    """Runs the steps of one Trainer.

    Parameters
    ----------
    trainer : Trainer
    storage : Storage
    log : callable
        Called with each message.
    """

    def __init__(self, trainer: Trainer, storage: Storage, log: Callable[[str], object]):
        self._trainer, self._storage, self._log = trainer, storage, log

    def run(self) -> None:
        """Take all remaining steps; after a signal, write a checkpoint and raise SystemExit."""
        trainer = self._trainer
        is_single = trainer.group.num_processes == 1
        # A second signal kills a single process. Of several, torchrun and the scheduler may both
        # signal each one, so only the first signal counts.
        with (
            stop_signals(second_kills=is_single) as received,
            translate_loader_failure(),
            translate_out_of_memory(),
            contextlib.nullcontext() if is_single else translate_peer_failure(),
        ):
            self._storage.resume()
            self._log(describe(trainer))
            self._saved_at, stopped = time.monotonic(), False
            while not (trainer.finished or stopped):
                stopped = self._run_until_rollback(received)
        if stopped:
            self._storage.save()
            signals = trainer.group.gather_objects(received[0] if received else None)
            first = next(number for number in signals if number)
            self._log(
                f"train: stopped by {first.name} after step {trainer.step} of"
                f" {trainer.num_steps}; the same command resumes there"
            )
            sys.exit(EXIT_CODES[first])

    def _run_until_rollback(self, received):
        """Take steps until the end, a rollback or a signal; returns whether it was a signal."""
        trainer, bar = self._trainer, None
        try:
            for batch in batches_ahead(trainer):
                bar = bar or progress_bar(trainer)
                trainer.requests = self._own_requests(received)
                trainer.take_step(*batch)
                update(bar, trainer)
                if trainer.must_roll_back:
                    self._roll_back()
                    return False
                requests = self._take_requests(received)
                if trainer.at_epoch_end:
                    bar.close()
                    bar = None
                    trainer.end_epoch()
                    for line in (describe_epoch(trainer), *warnings_of_epoch(trainer)):
                        self._log(line)
                    self._storage.write_epochs()
                    requests = requests._replace(checkpoint=True)
                if requests.stop:
                    return True
                if requests.checkpoint:
                    self._storage.save()
                    self._saved_at = time.monotonic()
                if trainer.finished:
                    return False
        finally:
            if bar:
                bar.close()
        return False

    def _own_requests(self, received):
        minutes = (time.monotonic() - self._saved_at) / 60
        is_due = minutes >= self._trainer.config.checkpoint_minutes
        return Requests(stop=bool(received), checkpoint=is_due and self._trainer.group.is_first)

    def _take_requests(self, received):
        """Requests to act on now.

        A single process acts at once; several act at the step at which all have received the
        requests, so that all of them stop or save at the same step.
        """
        trainer = self._trainer
        if trainer.group.num_processes == 1:
            return self._own_requests(received)
        requests, trainer.totals.requests = trainer.totals.requests, Requests()
        return requests

    def _roll_back(self):
        trainer = self._trainer
        num_skipped = trainer.totals.num_skipped
        epoch = trainer.step // trainer.steps_per_epoch + 1
        self._storage.roll_back()
        self._log(
            f"train: {num_skipped} steps of epoch {epoch} were not finite and skipped; restarting"
            f" after step {trainer.step} with half the lr ({trainer.lr_at(trainer.step):.3g})"
        )


def batches_ahead(trainer: Trainer) -> Iterator[tuple[torch.Tensor, ...]]:
    """The batches of the remaining steps, prefetched by loader processes."""
    frames = trainer.sections["chunks"].max_frames
    chunk_bytes = trainer.reader.chunk_bytes(frames)
    num_chunks = trainer.config.batch_size // trainer.group.num_processes
    on_gpu, num_processors = trainer.network.device.type == "cuda", len(os.sched_getaffinity(0))
    # the job may have fewer processors than the machine
    num_own = min(trainer.group.job_threads, num_processors) // trainer.group.num_local
    num_workers = choose_num_workers(trainer.config.num_workers, on_gpu, num_own)
    return read_ahead(
        trainer.read_batch,
        range(trainer.step, trainer.num_steps),
        min(num_workers, num_processors),
        batch_bytes=chunk_bytes * num_chunks + trainer.network.terms.num_bytes(frames, num_chunks),
        pin_memory=on_gpu,
    )


@contextlib.contextmanager
def translate_out_of_memory() -> Iterator[None]:
    """Raise StepsError for torch's error that a GPU is out of memory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise StepsError(
            f"train: {str(error).splitlines()[0]} Lower train.batch_size or chunks.max_frames."
        ) from None
