"""One training: its parts, its state, a step, an epoch's end.

Shape suffixes (scope: this module):
    B = chunks of a batch   T = frames   D = feature dimension
"""

import math
import time

import torch

from steps_py.chunks.readers import open_reader
from steps_py.chunks.sampler import ChunkSampler, num_steps_per_epoch
from steps_py.errors import ConfigError
from steps_py.model.registries import SCHEDULES
from steps_py.training.averaging import STATISTICS_BATCHES, Average, average_network
from steps_py.training.checks import check_parts_fit
from steps_py.training.config import digest_of_settings, flat_settings, split_stages
from steps_py.training.initial_weights import digest_of, start_from
from steps_py.training.network import Network
from steps_py.training.non_finite import LOWER_LR, Statistics, finite
from steps_py.training.processes import Ranks
from steps_py.training.registered import registered
from steps_py.training.schedules.base import KEEP, RESET
from steps_py.training.spec_augment import SpecAugment
from steps_py.training.updates import Updates
from steps_py.training.validation import Validation

COLUMNS = (
    *("stage", "epoch", "lr", "train_loss", "train_accuracy"),
    *("valid_loss", "valid_accuracy", "valid_eer", "skipped_steps", "rollbacks"),
    *("examples_per_sec", "seconds"),
)
SETTLE_STEPS = 20  # on a GPU: waiting for each step's loss would leave it idle
FORMAT = 2  # of checkpoints


class Trainer:
    """The state of a training, and one step of it.

    Parameters
    ----------
    sections : dict
        The recipe's: train (TrainConfig), model (ModelConfig), cmvn (CmvnConfig), chunks
        (ChunksConfig).
    train, valid, valid_speakers : steps_py.chunks.allocation.Chunks
        To train on; held-out utterances of the same speakers; utterances of other speakers.
    ranks : Ranks
        The processes that train together.
    speakers : list of str
        The names behind the ids of `train`, for whoever starts from this model.
    previous : Trainer
        Of the stage before, finished; its head is left out with `new_head`.
    """

    def __init__(
        self,
        sections,
        train,
        valid,
        valid_speakers=None,
        *,
        ranks=None,
        speakers=None,
        previous=None,
        new_head=False,
        say=print,
    ):
        self.config, self.sections = sections["train"], sections
        self.ranks, self.speakers = ranks or Ranks(), speakers
        self.stage = previous.stage + 1 if previous else 1
        self.reader = open_reader(sections, train, self.ranks.local_rank)
        self.sampler = sampler_of(sections, train)
        self.network = Network(
            sections, self.reader.feat_dim, self.sampler.num_speakers, self.ranks
        )
        self.steps_per_epoch = num_steps_per_epoch(
            len(train), self.config.batch_size, self.config.steps_per_epoch
        )
        self.num_steps = self.config.num_epochs * self.steps_per_epoch
        self.settings = flat_settings(
            sections,
            registered(),
            format=FORMAT,
            precision=self.network.precision,
            chunks=train.digest[:12],
            init=digest_of(self.config.init),
            before=digest_of_settings(previous.settings) if previous else None,
        )
        start_from(self.network, self.config.init, speakers, previous, new_head, say)
        self.updates = Updates(self.config, self.network, self.ranks)
        self.schedule = SCHEDULES.build(
            self.config.schedule, num_steps=self.num_steps, steps_per_epoch=self.steps_per_epoch
        )
        self.masks = SpecAugment.of(self.config)
        self.validation = Validation(sections, valid, valid_speakers)
        check_parts_fit(self)
        self.step, self.rollbacks = 0, 0
        self.rows = []  # of epochs.tsv
        self.best, self.average = None, Average()
        self.wishes = (False, False)  # of this process: to stop, to write a checkpoint
        self.heard = (False, False)  # of any process, at the last step that settled
        self.last_loss = math.nan
        self.statistics = Statistics(self.network)
        self._start_epoch()

    @property
    def epoch(self):
        """Epochs completed."""
        return self.step // self.steps_per_epoch

    @property
    def at_epoch_end(self):
        return self.step % self.steps_per_epoch == 0

    @property
    def finished(self):
        return self.step >= self.num_steps or (self.at_epoch_end and self.schedule.finished)

    def lr_at(self, step):
        """Learning rate of a step."""
        return self.updates.base_lr * LOWER_LR**self.rollbacks * self.schedule.factor(step)

    def read_batch(self, step):
        """This process's part of a step's features and speakers, by whoever reads it."""
        part = self.sampler.batch(step).part(self.ranks.rank, self.ranks.num_ranks)
        return self.reader.read(part)

    def take_step(self, *batch):
        """One step down the gradient of a batch, of which this process has its part.

        `batch` is what `read_batch` gave, as tensors: x_BTD, spk_id_B, and num_frames_B where
        lengths differ, or what the reader decodes to that.
        """
        features = self.reader.decode(batch, self.network.device)
        batch = self.masks.apply(self.step, *features, rank=self.ranks.rank)
        self.network.prepare(self.step / self.steps_per_epoch)
        num_parts = self.config.accumulate_steps
        told = torch.zeros(4, device=self.network.device)  # loss, number correct, wishes
        for place, wish in enumerate(self.wishes, 2):
            if wish:
                told[place] = 1
        for part in zip(*(x.chunk(num_parts) for x in batch), strict=True):
            loss, num_correct = self.network.compute(*part)
            loss = loss / num_parts
            self.updates.backward(loss)
            told[:2] += torch.stack([loss.detach(), num_correct])
        good = self.updates.step(self.lr_at(self.step), told)
        self._unsettled.append(torch.cat([told, good.float().reshape(1)]))
        self.step += 1
        every = 1 if self.network.device.type == "cpu" else SETTLE_STEPS
        if (self.step % self.steps_per_epoch) % every == 0:
            self.settle()
            self._guard_statistics()

    def settle(self):
        """Fetch what the last steps came to."""
        if not self._unsettled:
            return
        first = self.step - len(self._unsettled)
        for i, (loss, num_correct, *heard, good) in enumerate(
            torch.stack(self._unsettled).tolist()
        ):
            self.heard = tuple(bool(wish) for wish in heard)
            if good and math.isfinite(loss):
                self.last_loss = loss
                self.sums[0] += loss
                self.sums[1] += num_correct * self.ranks.num_ranks  # from the mean of processes
                self.sums[2] += 1
            elif not good:
                self.first_bad = self.first_bad if self.skipped else (loss, first + i)
                self.skipped += 1
        self._unsettled.clear()

    def _guard_statistics(self):
        """At steps that are the same in every run: what a bad step spoilt is mended."""
        if self.skipped > self._skipped_before:
            self.statistics.bring_back()
        else:
            self.statistics.remember()
        self._skipped_before = self.skipped

    @property
    def must_roll_back(self):
        """Whether too many steps of this epoch were bad, or its last weights are."""
        if self._unsettled:
            return False
        if self.skipped > min(self.config.max_skipped_steps, self.steps_per_epoch // 2):
            return True
        return self.at_epoch_end and not self.is_finite()

    def is_finite(self):
        return finite(self.network.parameters)

    def means(self):
        """Loss and accuracy over the good steps of this epoch that are settled."""
        loss, num_correct, steps = self.sums
        accuracy = num_correct / max(1, steps * self.config.batch_size)
        return loss / max(1, steps), accuracy if self.network.classifies else None

    def validate(self):
        """Loss, accuracy and EER on what is held out; None for what there is not."""
        self.ranks.copy_of_first(self.network.buffers())
        return self.ranks.told_by_first(self.validation.measure(self.network, self.epoch))

    def end_epoch(self):
        """Validate, add the row of the epoch that is complete, and let the schedule look at it."""
        self.settle()
        seconds = self.seconds()
        last_lr = self.lr_at(self.step - 1)
        num_examples = self.steps_per_epoch * self.config.batch_size
        values = [self.stage, self.epoch, last_lr, *self.means(), *self.validate()]
        values += [self.skipped, self.rollbacks, num_examples / seconds, self.seconds()]
        row = dict(zip(COLUMNS, values, strict=True)) | {"wall_time": time.time()}
        self.rows.append(row)
        action = self.schedule.end_epoch(row.get(self.schedule.metric))
        if action == KEEP:
            self.best = self.network.copy()
        elif action == RESET and self.best:
            self.network.restore(self.best)
            self.updates.forget()
        if self.config.num_epochs - self.epoch < self.config.average_epochs != 1:
            self.average.add(dict(self.network.model.named_parameters()))
        self._start_epoch()

    def _start_epoch(self, seconds_before=0.0):
        self.sums, self.skipped = [0.0, 0.0, 0], 0
        self.first_bad = (math.nan, self.step)
        self._unsettled, self._skipped_before = [], 0
        self.statistics.remember()
        self._since = time.monotonic() - seconds_before

    def seconds(self):
        """Time spent on this epoch, in all runs."""
        return max(1e-9, time.monotonic() - self._since)

    def finalise(self):
        """Leave the network as final.pt holds it: the best, the mean, or the last weights."""
        if self.schedule.keeps_best and self.best:
            self.network.restore(self.best)
        if self.config.average_epochs > 1:
            num_batches = min(self.steps_per_epoch, STATISTICS_BATCHES)
            steps = range(self.num_steps, self.num_steps + num_batches)
            batches = (self._decoded(step) for step in steps)
            average_network(self.network, self.average, batches)
        self.network.evaluate(self.epoch)

    def _decoded(self, step):
        batch = tuple(map(torch.from_numpy, self.read_batch(step)))
        return self.reader.decode(batch, self.network.device)

    def roll_back(self, state):
        """Go back to an epoch's start; from there, with half the learning rate."""
        rollbacks = self.rollbacks + 1
        self.restore(state)
        self.rollbacks = rollbacks

    def state(self):
        """All that a checkpoint holds, as tensors and plain values; all processes call it."""
        self.settle()
        cuda = self.network.device.type == "cuda"
        random = (torch.get_rng_state(), torch.cuda.get_rng_state() if cuda else None)
        return {
            **self.network.state(),
            **self.updates.state(),
            "schedule": self.schedule.state(),
            "step": self.step,
            "rollbacks": self.rollbacks,
            "sums": [*self.sums, self.skipped],
            "last": [self.last_loss, *self.first_bad],
            "classifies": self.network.classifies,
            "seconds": self.seconds(),
            "rows": self.rows,
            "best": self.best,
            "average": self.average.state(),
            "speakers": self.speakers,
            "random": self.ranks.gather(random),
        }

    def restore(self, state):
        """Go back to a `state`."""
        self.network.restore(state)
        self.updates.restore(state)
        self.schedule.restore(state["schedule"])
        self.step, self.rollbacks = state["step"], state["rollbacks"]
        self.rows, self.best = list(state["rows"]), state["best"]
        self.average.restore(state["average"])
        self._start_epoch(state["seconds"])
        *self.sums, self.skipped = state["sums"]
        self.last_loss, *self.first_bad = state["last"]
        self._skipped_before = self.skipped
        self.network.classifies = state["classifies"]
        if self.ranks.rank < len(state["random"]):
            random, random_cuda = state["random"][self.ranks.rank]
            torch.set_rng_state(random)
            if self.network.device.type == "cuda" and random_cuda is not None:
                torch.cuda.set_rng_state(random_cuda)


def builders(sections, chunks, ranks=None, speakers=None, say=print):
    """For each stage of a recipe a function that makes its Trainer from the one before.

    `chunks` are those to train on, of held-out utterances, and of held-out speakers.
    """
    ranks = ranks or Ranks()

    def builder(stage_sections, new_head):
        def build(previous):
            return Trainer(
                stage_sections,
                *chunks,
                ranks=ranks,
                speakers=speakers,
                previous=previous,
                new_head=new_head,
                say=say if ranks.leads else str,
            )

        return build

    return [builder(*stage) for stage in split_stages(sections)]


def check_samplers(sections, train):
    """Raise ConfigError for the first stage whose batches ask for more than `train` holds."""
    for number, (stage, _) in enumerate(split_stages(sections), 1):
        try:
            sampler_of(stage, train)
        except ConfigError as error:
            where = f"train.stages, stage {number}" if sections["train"].stages else "train"
            raise ConfigError(f"{where}: {error}") from None


def sampler_of(sections, train):
    """The ChunkSampler of a recipe's sections."""
    config, chunks = sections["train"], sections["chunks"]
    return ChunkSampler(
        train.spk_id_U,
        train.num_frames_U,
        min_frames=chunks.min_frames,
        max_frames=chunks.max_frames,
        batch_size=config.batch_size,
        seed=config.seed,
        strategy=config.sampler,
        vary_within_batch=chunks.vary_within_batch,
    )
