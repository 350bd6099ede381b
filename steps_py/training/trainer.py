"""The state of a training, one step of it, and the end of an epoch.

Shape suffixes (scope: this module):
    B = chunks of a batch   T = frames   D = feature dimension
"""

import time
from collections.abc import Callable
from itertools import repeat

import numpy as np
import torch

from steps_py.chunks.allocation import Chunks
from steps_py.chunks.readers import open_reader
from steps_py.chunks.sampler import num_steps_per_epoch
from steps_py.model.registries import MIXES, SCHEDULES
from steps_py.training.averaging import averaged_tensors, build_average, load_average
from steps_py.training.checks import check_consistent
from steps_py.training.config import Sections, digest_of_settings, flat_settings
from steps_py.training.distillation import Teacher
from steps_py.training.epoch_totals import EpochTotals
from steps_py.training.initial_weights import initialise
from steps_py.training.input_digests import (
    digest_of_front_ends,
    digest_of_init,
    digest_of_loss,
    digest_of_teacher,
)
from steps_py.training.loss_starts import start_losses
from steps_py.training.mixes.base import Targets
from steps_py.training.network import Network
from steps_py.training.non_finite import ROLLBACK_LR_FACTOR, BufferBackup, all_finite
from steps_py.training.processes import ProcessGroup, Requests
from steps_py.training.random_state import random_state, set_random_state
from steps_py.training.registered import registered
from steps_py.training.sampling import build_sampler, digest_of_sampler
from steps_py.training.schedules.base import KEEP, RESET
from steps_py.training.spec_augment import SpecAugment
from steps_py.training.updates import Updates
from steps_py.training.validation import Validation

COLUMNS = (
    *("stage", "epoch", "lr", "train_loss", "train_accuracy"),
    *("valid_loss", "valid_accuracy", "valid_eer", "skipped_steps", "rollbacks"),
    *("examples_per_sec", "seconds"),
)
TERM_PREFIX = "objective_"  # of the columns with the mean values of objectives
GPU_FETCH_STEPS = 20  # waiting for the loss of each step would leave a GPU idle
CONSTRAINT_STEPS = 4  # steps between constraints, as in Kaldi
CHECKPOINT_FORMAT = 2


class Trainer:
    """The state of a training (one of ``train.stages``, or all of it), and its steps.

    Parameters
    ----------
    sections : Sections
    train, valid, valid_speakers : steps_py.chunks.allocation.Chunks
        Training utterances; held-out utterances of the same speakers; utterances of held-out
        speakers.
    group : ProcessGroup, optional
        The processes that train together; by default this process alone.
    speakers : list of str, optional
        Name of each speaker id of `train`; stored in head.pt.
    previous : Trainer, optional
        The finished Trainer of the stage before; this one starts from its weights.
    new_head : bool
        Initialise the weights of the loss at random instead of from `previous`.
    log : callable
        Called with each message.

    Attributes
    ----------
    config : TrainConfig
        ``sections["train"]``.
    stage : int
        Number of this stage, from 1.
    reader
        Makes features of batches; see `steps_py.chunks.readers.open_reader`.
    sampler : ChunkSampler
    network : Network
        Model and loss.
    updates : Updates
        The optimiser.
    schedule : Schedule
    validation : Validation
    steps_per_epoch, num_steps : int
        Steps of an epoch, and of the whole stage.
    step : int
        Steps done.
    rollbacks : int
        How often an epoch was started again with a lower learning rate.
    totals : EpochTotals
        Loss, accuracy and skipped steps of the current epoch.
    rows : list of dict
        A row of epochs.tsv for each complete epoch; the keys are COLUMNS and wall_time.
    best : dict or None
        Weights that the schedule marked as the best.
    average : Average
        Of the weights of all steps, or of some of the last.
    settings : dict
        Everything that the result depends on; names the folder of checkpoints.
    requests : Requests
        Requests of this process, sent to the others with the next step.
    """

    def __init__(
        self,
        sections: Sections,
        train: Chunks,
        valid: Chunks,
        valid_speakers: Chunks | None = None,
        *,
        group: ProcessGroup | None = None,
        speakers: list[str] | None = None,
        previous: "Trainer | None" = None,
        new_head: bool = False,
        log: Callable[[str], object] = print,
    ):
        self.config, self.sections = sections["train"], sections
        self.group, self.speakers = group or ProcessGroup(), speakers
        self.stage = previous.stage + 1 if previous else 1
        self.reader, self.sampler = self._open(train)
        self.network = self._build_network(train)
        self.steps_per_epoch = num_steps_per_epoch(
            len(train), self.config.batch_size, self.config.steps_per_epoch
        )
        self.num_steps = self.config.num_epochs * self.steps_per_epoch
        self.settings = flat_settings(
            sections,
            registered(),
            format=CHECKPOINT_FORMAT,
            precision=self.network.precision,
            chunks=train.digest[:12],
            init=digest_of_init(self.config.init),
            before=digest_of_settings(previous.settings) if previous else None,
            **digest_of_teacher(self.config.distillation),
            **digest_of_front_ends(self.network.model.front_ends),
            **self._digest_of_sampler(train),
            **digest_of_loss(self.config.loss),
            **self.network.terms.settings(),
        )
        initialise(self.network, self.config.init, speakers, previous, new_head, log)
        if self.config.distillation is not None:
            sizes = self.network.model.embedding_dim, self.sampler.num_speakers, speakers
            self.network.teacher = Teacher(
                sections, self.reader.feat_dim, *sizes, self.network.device
            )
        self.updates = Updates(self.config, self.network, self.group)
        self.schedule = SCHEDULES.build(
            self.config.schedule, num_steps=self.num_steps, steps_per_epoch=self.steps_per_epoch
        )
        self.validation = self._build_validation(valid, valid_speakers)
        check_consistent(self)
        self.step, self.rollbacks, self._log = 0, 0, log
        self.rows: list[dict] = []
        self.best = None
        self.average = build_average(self.config, self.num_steps, self.steps_per_epoch)
        self.requests = Requests()
        self.totals = EpochTotals(self.group.num_processes, len(self.network.terms.columns))
        self._spec_augment = SpecAugment.from_config(self.config)
        self._mix = self.config.mix and MIXES.build(
            self.config.mix,
            batch_size=self.config.batch_size,
            group_size=self.sampler.utts_per_speaker,
            seed=self.config.seed,
        )
        self._buffer_backup = BufferBackup(self.network)
        self._start_epoch()

    # What another kind of training replaces: `steps_py.segmentation.trainer.FrameTrainer`.

    def _open(self, train):
        """What reads batches, and what draws them."""
        reader = open_reader(self.sections, train, self.group.local_rank)
        return reader, build_sampler(self.sections, train)

    def _build_network(self, train):
        sizes = self.reader.feat_dim, self.sampler.num_speakers
        return Network(self.sections, *sizes, self.group, train)

    def _digest_of_sampler(self, train):
        return digest_of_sampler(self.sections, train)

    def _build_validation(self, valid, valid_speakers):
        return Validation(self.sections, valid, valid_speakers)

    def describe_data(self) -> str:
        """The training data in some words."""
        return f"{self.sampler.num_speakers} speakers, {len(self.sampler.num_frames_U)} utterances"

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self.step // self.steps_per_epoch

    @property
    def at_epoch_end(self) -> bool:
        """Whether the last step completed an epoch."""
        return self.step % self.steps_per_epoch == 0

    @property
    def finished(self) -> bool:
        """Whether all steps are done, or the schedule ended the training."""
        return self.step >= self.num_steps or (self.at_epoch_end and self.schedule.finished)

    def lr_at(self, step: int) -> float:
        """Learning rate of a step."""
        rollback_factor = ROLLBACK_LR_FACTOR**self.rollbacks
        return self.updates.base_lr * rollback_factor * self.schedule.factor(step)

    def start(self) -> None:
        """Estimate the weights that the loss takes from embeddings; once, before the first step."""
        start_losses(self.network, self._decoded, self.config.batch_size, self._log)
        self._start_epoch()

    def read_batch(self, step: int) -> tuple[np.ndarray, ...]:
        """Read this process's share of the batch of a step; any loader process may call it."""
        shard = self.sampler.batch(step).shard(self.group.rank, self.group.num_processes)
        return (*self.reader.read(shard), *self.network.terms.read(shard))

    def take_step(self, *batch: torch.Tensor) -> None:
        """Update the weights with the gradient of this process's share of a batch.

        `batch` holds the arrays of `read_batch` as tensors: x_BTD, spk_id_B, and num_frames_B
        where lengths differ, or what ``reader.decode`` turns into these; then those of objectives.
        """
        batch, extra = self.network.terms.split(batch)
        features = self.reader.decode(batch, self.network.device)
        batch = self._spec_augment.apply(self.step, *features, rank=self.group.rank)
        if self.network.terms.unlabelled is not None:
            extra = self._spec_augment.apply(self.step, *extra, rank=-1 - self.group.rank)
        mixed = None
        if self._mix is not None:
            first = self.group.rank * len(batch[0])
            batch, mixed = self._mix.apply(self.step, first, *batch)
        epoch, lr = self.step / self.steps_per_epoch, self.lr_at(self.step)
        self.network.set_train_mode(epoch)
        self.network.terms.start_step(self.step, epoch, lr / self.updates.base_lr)
        totals, step_is_finite = self.updates.step(
            lr,
            self.schedule.momentum(self.step),
            lambda: self._compute_gradients(batch, mixed, extra),
        )
        self.totals.add(totals, step_is_finite)
        self.step += 1
        if self.step % CONSTRAINT_STEPS == 0:
            self.network.constrain_weights()
        every = 1 if self.network.device.type == "cpu" else GPU_FETCH_STEPS
        if (self.step % self.steps_per_epoch) % every == 0:
            self.fetch_totals()
            self._guard_buffers()
        if self.average.is_due(self.step):
            self.average.add(averaged_tensors(self.network, self.average))

    def _compute_gradients(self, batch, mixed, extra):
        """Add up the gradients of a batch; loss, number correct, the two requests, and terms.

        The requests travel to the other processes with the gradients.
        """
        num_micro_batches, terms = self.config.accumulate_steps, self.network.terms
        totals = torch.zeros(4 + len(terms.columns), device=self.network.device)
        for place, requested in enumerate(self.requests, 2):
            if requested:
                totals[place] = 1
        micro_batches = zip(*(x.chunk(num_micro_batches) for x in batch), strict=True)
        targets = repeat(None)
        if mixed is not None:
            targets = map(Targets, *(x.chunk(num_micro_batches) for x in mixed))
        extras = zip(*(x.chunk(num_micro_batches) for x in extra), strict=True)
        first = self.group.rank * len(batch[0])
        for micro_batch, both in zip(micro_batches, targets, strict=False):
            if len(terms):
                own = next(extras, ())
                loss, num_correct, values = self.network.compute_with_terms(
                    first, own, *micro_batch
                )
                totals[4:] += values / num_micro_batches
                first += len(micro_batch[0])
            else:
                loss, num_correct = self.network.compute(*micro_batch, mixed=both)
            loss = loss / num_micro_batches
            self.updates.backward(loss)
            totals[:2] += torch.stack([loss.detach(), num_correct])
        return totals

    def fetch_totals(self) -> None:
        """Wait for the steps taken so far and add them to `totals`."""
        self.totals.fetch(self.step)

    def _guard_buffers(self):
        """Undo what skipped steps did to running statistics.

        Called at fixed steps, so that a resumed training does the same.
        """
        if self.totals.num_skipped > self._skipped_at_backup:
            self._buffer_backup.restore()
        else:
            self._buffer_backup.save()
        self._skipped_at_backup = self.totals.num_skipped

    @property
    def must_roll_back(self) -> bool:
        """Whether too many steps of this epoch were skipped, or its last weights are not finite."""
        if self.totals.has_pending:
            return False
        limit = min(self.config.max_skipped_steps, self.steps_per_epoch // 2)
        if self.totals.num_skipped > limit:
            return True
        return self.at_epoch_end and not self.is_finite()

    def is_finite(self) -> bool:
        """Whether all weights are finite."""
        return all_finite([*self.network.parameters, *self.network.terms.parameters()])

    def means(self) -> tuple[float, float | None]:
        """Training loss and accuracy of this epoch so far; None if the loss does not classify."""
        loss, accuracy = self.totals.means(self.config.batch_size)
        return loss, accuracy if self.network.classifies else None

    def validate(self) -> tuple[float | None, float | None, float | None]:
        """Loss, accuracy and EER on held-out data; None where nothing is held out."""
        self.group.broadcast(self.network.buffers())
        if not (self.average.in_training and self.average.num_added):
            return self._measure()
        before = self.network.copy_state()
        self._load_average()
        self.group.broadcast(self.network.buffers())
        measured = self._measure()
        self.network.restore(before)
        return measured

    def _measure(self):
        return self.group.broadcast_object(self.validation.measure(self.network, self.epoch))

    def end_epoch(self) -> None:
        """Validate, append a row for the epoch, and update the schedule."""
        self.fetch_totals()
        seconds = self.seconds()
        last_lr = self.lr_at(self.step - 1)
        num_examples = self.steps_per_epoch * self.config.batch_size
        values = [self.stage, self.epoch, last_lr, *self.means(), *self.validate()]
        values += [self.totals.num_skipped, self.rollbacks, num_examples / seconds, self.seconds()]
        row = dict(zip(COLUMNS, values, strict=True)) | {"wall_time": time.time()}
        means = zip(self.network.terms.columns, self.totals.term_means(), strict=True)
        row |= {f"{TERM_PREFIX}{name}": mean for name, mean in means}
        self.rows.append(row)
        action = self.schedule.end_epoch(row.get(self.schedule.metric))
        if action == KEEP:
            self.best = self.network.copy_state()
        elif action == RESET and self.best:
            self.network.restore(self.best)
            self.updates.reset_state()
            self.network.terms.reset_own()
        self._start_epoch()

    def _start_epoch(self):
        self.totals.start(self.step)
        self._skipped_at_backup = 0
        self._buffer_backup.save()
        self._started_at = time.monotonic()

    def seconds(self) -> float:
        """Time spent on this epoch, runs before a resume included."""
        return max(1e-9, time.monotonic() - self._started_at)

    def finalise(self) -> None:
        """Load the weights that final.pt holds: the best, the average, or the last ones."""
        if self.schedule.keeps_best and self.best:
            self.network.restore(self.best)
        if self.average.num_added:
            self._load_average()
        self.network.set_eval_mode(self.epoch)

    def _load_average(self):
        """Load the average; the statistics of batch norm are those of the next batches."""
        num_batches = min(self.steps_per_epoch, self.average.statistics_batches)
        batches = (self._decoded(step) for step in range(self.step, self.step + num_batches))
        load_average(self.network, self.average, batches)

    def _decoded(self, step):
        read = tuple(map(torch.from_numpy, self.read_batch(step)))
        batch, extra = self.network.terms.split(read)
        x_BTD, spk_id_B, *lengths = self.reader.decode(batch, self.network.device)
        num_frames_B = lengths[0] if lengths else None
        x_BTD, num_frames_B = self.network.terms.join(x_BTD, num_frames_B, extra)
        return (x_BTD, spk_id_B) if num_frames_B is None else (x_BTD, spk_id_B, num_frames_B)

    def roll_back(self, state: dict) -> None:
        """Restore the `state` of an epoch's start and halve the learning rate."""
        rollbacks = self.rollbacks + 1
        self.restore(state)
        self.rollbacks = rollbacks

    def state(self) -> dict:
        """The content of a checkpoint, as tensors and plain values; all processes must call it."""
        self.fetch_totals()
        return {
            **self.network.state(),
            **self.updates.state(),
            **self.totals.state(),
            "schedule": self.schedule.state(),
            "step": self.step,
            "rollbacks": self.rollbacks,
            "classifies": self.network.classifies,
            "seconds": self.seconds(),
            "rows": self.rows,
            "best": self.best,
            "average": self.average.state(),
            "speakers": self.speakers,
            "random": self.group.gather_objects(random_state(self.network.device)),
        }

    def restore(self, state: dict) -> None:
        """Restore a `state`."""
        self.network.restore(state)
        self.updates.restore(state)
        self.schedule.restore(state["schedule"])
        self.step, self.rollbacks = state["step"], state["rollbacks"]
        self.rows, self.best = list(state["rows"]), state["best"]
        self.average.restore(state["average"])
        self._start_epoch()
        self._started_at -= state["seconds"]
        self.totals.restore(state)
        self._skipped_at_backup = self.totals.num_skipped
        self.network.classifies = state["classifies"]
        if self.group.rank < len(state["random"]):
            set_random_state(self.network.device, state["random"][self.group.rank])
