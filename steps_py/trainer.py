"""One training: its parts, its state, a step, an epoch's end.

Shape suffixes (scope: this module):
    B = chunks of a batch   T = frames   D = feature dimension   S = speakers
"""

import dataclasses
import math
import time

import torch

from steps_py.batches import BatchReader
from steps_py.errors import ConfigError, StepsError
from steps_py.model import losses, optimizers, schedules  # noqa: F401 - they register
from steps_py.model.build import build_model
from steps_py.model.device import PRECISIONS, choose_device, choose_precision
from steps_py.model.registries import LOSSES, OPTIMIZERS, SCHEDULES
from steps_py.sampler import Batch, ChunkSampler, num_steps_per_epoch

COLUMNS = (
    "epoch",
    "lr",
    "train_loss",
    "train_accuracy",
    "valid_loss",
    "valid_accuracy",
    "examples_per_sec",
    "seconds",
)
# Settings that change how fast a model comes out, never which one.
FREE_SETTINGS = ("device", "num_workers", "checkpoint_minutes", "keep_checkpoints", "precision")
SETTLE_STEPS = 20  # on a GPU: waiting for each step's loss would leave it idle
FORMAT = 1  # of checkpoints


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Section ``train`` of a recipe."""

    loss: dict
    optimizer: dict
    schedule: dict
    num_epochs: int
    batch_size: int  # chunks
    steps_per_epoch: int | None = None  # None: as many as read each utterance about once
    grad_clip: float | None = None  # largest norm of the gradient
    precision: str = "auto"
    device: str = "auto"
    num_workers: int = 2  # processes that read batches ahead; 0: none
    checkpoint_minutes: float = 10
    keep_checkpoints: int = 2
    seed: int = 1

    def __post_init__(self):
        if self.batch_size < 2:
            raise ConfigError("train: batch_size is below 2; batch norm needs two chunks.")


class Trainer:
    """The state of a training, and one step of it.

    `sections` are the recipe's: train (TrainConfig), model (ModelConfig), cmvn (CmvnConfig),
    chunks (ChunksConfig).  `train` and `valid` are `steps_py.chunks.Chunks`.
    """

    def __init__(self, sections, train, valid):
        self.config, self.sections = sections["train"], sections
        self.device = choose_device(self.config.device, "train")
        self.precision = choose_precision(self.config.precision, self.device)
        self.reader = BatchReader(train, sections["cmvn"])
        self.valid, self.valid_reader = valid, None
        if len(valid):
            self.valid_reader = BatchReader(valid, sections["cmvn"])
        lengths = {k: getattr(sections["chunks"], k) for k in ("min_frames", "max_frames")}
        self.sampler = ChunkSampler(
            train.spk_id_U,
            train.num_frames_U,
            **lengths,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
        )
        self.steps_per_epoch = num_steps_per_epoch(
            len(train), self.config.batch_size, self.config.steps_per_epoch
        )
        self.num_steps = self.config.num_epochs * self.steps_per_epoch
        self.settings = flat_settings(sections, self.precision, train.digest)
        self._build()
        self.step = 0
        self.rows = []  # of epochs.tsv
        self._start_epoch()

    def _build(self):
        torch.manual_seed(self.config.seed)
        config, feat_dim = self.config, self.reader.feat_dim
        self.model = build_model(self.sections["model"], feat_dim).to(self.device)
        min_frames = self.sections["chunks"].min_frames
        if min_frames < self.model.min_frames:
            raise ConfigError(
                f"train: chunks.min_frames is {min_frames}, but a frame of the network spans"
                f" {self.model.min_frames}. Raise chunks.min_frames."
            )
        self.loss = LOSSES.build(
            config.loss, in_dim=self.model.embedding_dim, num_speakers=self.sampler.num_speakers
        ).to(self.device)
        self.parameters = [*self.model.parameters(), *self.loss.parameters()]
        self.optimizer = OPTIMIZERS.build(config.optimizer, parameters=self.parameters)
        self.base_lr = self.optimizer.param_groups[0]["lr"]
        self.schedule = SCHEDULES.build(
            config.schedule, num_steps=self.num_steps, steps_per_epoch=self.steps_per_epoch
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")

    @property
    def epoch(self):
        """Epochs completed."""
        return self.step // self.steps_per_epoch

    @property
    def lr(self):
        return self.base_lr * self.schedule.factor(self.step)

    def read_batch(self, step):
        """Features and speakers of a step, by whichever process."""
        return self.reader.read(self.sampler.batch(step))

    def take_step(self, x_BTD, spk_id_B):
        """One step down the gradient of a batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr
        self.model.train()
        self.loss.train()
        self.loss.set_epoch(self.step / self.steps_per_epoch)
        self.optimizer.zero_grad(set_to_none=True)
        loss, num_correct = self._compute(x_BTD, spk_id_B)
        self.scaler.scale(loss).backward()
        if self.config.grad_clip:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.parameters, self.config.grad_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._unsettled.append(torch.stack([loss.detach(), num_correct]))
        self.step += 1
        if self.device.type == "cpu" or len(self._unsettled) == SETTLE_STEPS:
            self.settle()

    def _compute(self, x_BTD, spk_id_B):
        """Loss, and number of chunks given to the right speaker, on the device."""
        x_BTD = x_BTD.to(self.device, non_blocking=True)
        spk_id_B = spk_id_B.to(self.device, non_blocking=True)
        with torch.autocast(
            self.device.type, PRECISIONS[self.precision], enabled=self.precision != "float32"
        ):
            loss, logits_BS = self.loss(self.model(x_BTD), spk_id_B)
        if logits_BS is None:  # a loss that does not classify
            return loss.float(), loss.new_full((), math.nan)
        return loss.float(), (logits_BS.argmax(dim=1) == spk_id_B).sum().float()

    def settle(self):
        """Fetch the losses of the last steps; stop at one that is not finite."""
        if not self._unsettled:
            return
        first = self.step - len(self._unsettled)
        for i, (loss, num_correct) in enumerate(torch.stack(self._unsettled).tolist()):
            if not math.isfinite(loss):
                raise self._not_finite(loss, first + i)
            self.last_loss = loss
            self.sums[0] += loss
            self.sums[1] += num_correct
            self.sums[2] += 1
        self._unsettled.clear()

    def _not_finite(self, loss, step):
        epoch, step_of_epoch = divmod(step, self.steps_per_epoch)
        return StepsError(
            f"train: loss is {loss} at epoch {epoch + 1}, step {step_of_epoch + 1} (last finite"
            f" {self.last_loss:.4g}, lr {self.base_lr * self.schedule.factor(step):.3g})."
            " A lower train.optimizer.lr or a train.grad_clip usually helps."
        )

    def means(self):
        """Loss and accuracy over the steps of this epoch that are settled."""
        loss, num_correct, steps = self.sums
        return loss / max(1, steps), num_correct / max(1, steps * self.config.batch_size)

    def validate(self):
        """Loss and accuracy on the middle of each held-out utterance; None without any."""
        if self.valid_reader is None:
            return None, None
        self.model.eval()
        self.loss.eval()
        total = torch.zeros(2, dtype=torch.float64)
        with torch.inference_mode():
            for rows in torch.arange(len(self.valid)).split(self.config.batch_size):
                loss, num_correct = self._compute(*self._valid_batch(rows.numpy()))
                total += torch.stack([loss * len(rows), num_correct]).double().cpu()
        return tuple((total / len(self.valid)).tolist())

    def _valid_batch(self, rows_B):
        num_frames = self.sections["chunks"].max_frames
        first_B = (self.valid.num_frames_U[rows_B] - num_frames).clip(min=0) // 2
        batch = Batch(rows_B, first_B, self.valid.spk_id_U[rows_B], num_frames)
        return map(torch.from_numpy, self.valid_reader.read(batch))

    def end_epoch(self):
        """Validate and add the row of the epoch that is complete."""
        self.settle()
        seconds = self.seconds()
        self.loss.set_epoch(self.epoch)
        last_lr = self.base_lr * self.schedule.factor(self.step - 1)
        num_examples = self.steps_per_epoch * self.config.batch_size
        values = [self.epoch, last_lr, *self.means(), *self.validate(), num_examples / seconds]
        self.rows.append(dict(zip(COLUMNS, [*values, self.seconds()], strict=True)))
        self._start_epoch()

    def _start_epoch(self, seconds_before=0.0):
        self.sums = [0.0, 0.0, 0]
        self.last_loss = math.nan
        self._unsettled = []
        self._since = time.monotonic() - seconds_before

    def seconds(self):
        """Time spent on this epoch, in all runs."""
        return max(1e-9, time.monotonic() - self._since)

    def state(self):
        """All that a checkpoint holds, as tensors and plain values."""
        self.settle()
        if not all(bool(p.isfinite().all()) for p in self.parameters):
            raise StepsError(
                f"train: weights are not finite after step {self.step}. Lower"
                " train.optimizer.lr or set train.grad_clip."
            )
        cuda = torch.cuda.get_rng_state_all() if self.device.type == "cuda" else []
        return {
            "model": self.model.state_dict(),
            "loss": self.loss.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "sums": list(self.sums),
            "last_loss": self.last_loss,
            "seconds": self.seconds(),
            "rows": self.rows,
            "random": torch.get_rng_state(),
            "random_cuda": cuda,
        }

    def restore(self, state):
        """Go back to a `state`."""
        self.model.load_state_dict(state["model"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.rows = state["step"], state["rows"]
        self._start_epoch(state["seconds"])
        self.sums, self.last_loss = list(state["sums"]), state["last_loss"]
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and len(state["random_cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["random_cuda"])


def flat_settings(sections, precision, chunks_digest):
    """Whatever makes a training come out different, as one flat dict of plain values."""
    free = FREE_SETTINGS
    flat = {"format": FORMAT, "precision": precision, "chunks": chunks_digest[:12]}
    for name in ("train", "model", "cmvn"):
        for key, value in dataclasses.asdict(sections[name]).items():
            if name == "train" and key in free:
                continue
            for inner, part in value.items() if isinstance(value, dict) else [(None, value)]:
                flat[".".join(filter(None, (name, key, inner)))] = part
    for key in ("min_frames", "max_frames"):
        flat[f"chunks.{key}"] = getattr(sections["chunks"], key)
    return flat
