"""The network and its loss during training: device, precision, modes.

Shape suffixes (scope: this module):
    B = chunks of a batch   T = frames   D = feature dimension   E = embedding   S = speakers
"""

import contextlib
from collections.abc import Iterator

import torch

from steps_py.chunks.allocation import Chunks
from steps_py.errors import ConfigError
from steps_py.model.build import build_model
from steps_py.model.device import PRECISIONS, choose_device, choose_precision
from steps_py.model.layers.norm import synchronize_norms
from steps_py.model.registries import LOSSES
from steps_py.training.config import Sections
from steps_py.training.freezing import Freezing
from steps_py.training.mixes.base import Targets
from steps_py.training.objectives.base import INNER, OUTER
from steps_py.training.processes import ProcessGroup
from steps_py.training.terms import Terms


class Network:
    """Model and loss on their device, in their precision.

    Parameters
    ----------
    sections : Sections
    feat_dim, num_speakers : int
    group : ProcessGroup
    chunks : Chunks, optional
        Training utterances, for ``train.objectives``.

    Attributes
    ----------
    model, loss : torch.nn.Module
    terms : Terms
        What objectives add to the loss.
    device : torch.device
    precision : str
        float32, bf16 or fp16.
    parameters : list of torch.nn.Parameter
        Of model, loss and objectives, without those that objectives train themselves.
    classifies : bool
        Whether the loss returns logits; true until the first step shows otherwise.
    teacher : Teacher or None
        In training, the distance from it is added to the loss.
    """

    def __init__(
        self,
        sections: Sections,
        feat_dim: int,
        num_speakers: int,
        group: ProcessGroup,
        chunks: Chunks | None = None,
    ):
        config = self.config = sections["train"]
        self.device = choose_device(config.device, "train", group.local_rank)
        self.precision = choose_precision(config.precision, self.device)
        torch.manual_seed(config.seed)
        self.model = self._build_model(sections, feat_dim).to(self.device)
        lengths = sections["chunks"]
        if lengths.min_frames < self.model.min_frames:
            raise ConfigError(
                f"train: chunks.min_frames is {lengths.min_frames}, but the receptive field of the"
                f" network is {self.model.min_frames} frames. Raise chunks.min_frames."
            )
        self.loss = self._build_loss(num_speakers).to(self.device)
        sizes = self.dims, self.model, feat_dim, num_speakers
        self.terms = Terms(sections, chunks, *sizes, group, self.device)
        self.classifies, self.teacher = True, None
        self._freezing = Freezing(config.freeze, self.model, self.loss)
        self._apply_options(group, lengths_vary=lengths.min_frames < lengths.max_frames)
        self.parameters = [*self.model.parameters(), *self.loss.parameters()]
        self.parameters += self.terms.main_parameters()
        if group.rank:  # same initial weights in all processes, but different dropout masks
            torch.manual_seed(config.seed + 1000 * group.rank)

    def _build_model(self, sections, feat_dim):
        return build_model(sections["model"], feat_dim)

    def _build_loss(self, num_speakers):
        in_dim = self.model.embedding_dim
        return LOSSES.build(self.config.loss, in_dim=in_dim, num_speakers=num_speakers)

    @property
    def dims(self) -> dict[str, int]:
        """Dimension of the embedding at each place of the model."""
        dims = {OUTER: self.model.embedding_dim}
        return dims if self.model.inner_dim is None else dims | {INNER: self.model.inner_dim}

    def _apply_options(self, group, lengths_vary):
        on_gpu = self.device.type == "cuda"
        if on_gpu if self.config.channels_last is None else self.config.channels_last:
            self.model.to(memory_format=torch.channels_last)  # affects 2-D convolutions only
        if self.config.sync_batch_norm and group.num_processes > 1:
            synchronize_norms(self.model)
            synchronize_norms(self.loss)
            synchronize_norms(self.terms)
        self._run, self._run_all = self.model, self.model.embeddings
        if self.config.compile:  # one graph for all lengths, so that a resumed run uses the same
            self._run = torch.compile(self.model, dynamic=lengths_vary)
            self._run_all = torch.compile(self.model.embeddings, dynamic=lengths_vary)

    def set_train_mode(self, epoch: float) -> None:
        """Set training mode, margins and frozen modules for a step at `epoch`."""
        self.model.train()
        self.loss.train()
        self.loss.set_epoch(epoch)
        self._freezing.apply(epoch)

    def set_eval_mode(self, epoch: float) -> None:
        """Set eval mode, and margins at `epoch`."""
        self.model.eval()
        self.loss.eval()
        self.loss.set_epoch(epoch)

    def compute(
        self,
        x_BTD: torch.Tensor,
        spk_id_B: torch.Tensor,
        num_frames_B: torch.Tensor | None = None,
        mixed: Targets | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss, and number of correctly classified chunks (0 without logits), on the device.

        Mixed chunks have the losses of both of their speakers, weighted by their shares.  Chunks
        after those of `spk_id_B` are unlabelled: they count for batch norm alone.
        """
        spk_id_B = spk_id_B.to(self.device, non_blocking=True)
        if mixed is not None:
            return self._compute_mixed(x_BTD, spk_id_B, num_frames_B, mixed)
        with self._autocast():
            embedding_BE = self._embed(x_BTD, num_frames_B)[: len(spk_id_B)]
            loss, logits_BS = self.loss(embedding_BE, spk_id_B)
            loss = self._add_distance(loss, x_BTD, num_frames_B, embedding_BE, logits_BS)
        self.classifies = logits_BS is not None
        if not self.classifies:
            return loss.float(), torch.zeros((), device=self.device)
        return loss.float(), (logits_BS.argmax(dim=1) == spk_id_B).sum().float()

    def compute_with_terms(
        self,
        first: int,
        extra: tuple[torch.Tensor, ...],
        x_BTD: torch.Tensor,
        spk_id_B: torch.Tensor,
        num_frames_B: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """As `compute`, with the terms of all objectives, and the value of each of them.

        `extra` are the arrays of `Terms.read`; `first` is the number of the first chunk in the
        batch of all processes.
        """
        spk_id_B = spk_id_B.to(self.device, non_blocking=True)
        x_BTD, num_frames_B = self._on_device(x_BTD, num_frames_B)
        with self._autocast():
            joined, lengths = self.terms.join(x_BTD, num_frames_B, extra)
            outer_BE, inner_BE = (
                self._run_all(joined) if lengths is None else self._run_all(joined, lengths)
            )
            own_BE = outer_BE[: len(x_BTD)]
            loss, logits_BS = self.loss(own_BE, spk_id_B)
            loss = self._add_distance(loss, x_BTD, num_frames_B, own_BE, logits_BS)
        places = {OUTER: outer_BE} if inner_BE is None else {OUTER: outer_BE, INNER: inner_BE}
        loss, values = self.terms.add(
            loss.float(), x_BTD, spk_id_B, num_frames_B, places, extra, first
        )
        self.classifies = logits_BS is not None
        if not self.classifies:
            return loss, torch.zeros((), device=self.device), values
        return loss, (logits_BS.argmax(dim=1) == spk_id_B).sum().float(), values

    def _compute_mixed(self, x_BTD, spk_id_B, num_frames_B, mixed):
        other_id_B, share_B = (x.to(self.device, non_blocking=True) for x in mixed)
        weight_2B = torch.cat([share_B, 1 - share_B])
        target_2B = torch.cat([spk_id_B, other_id_B])
        with self._autocast():
            embedding_BE = self._embed(x_BTD, num_frames_B)
            # twice the weights, as the loss is a mean over twice the chunks
            loss, logits_2BS = self.loss(embedding_BE.repeat(2, 1), target_2B, 2 * weight_2B)
            logits_BS = logits_2BS[: len(spk_id_B)]
            loss = self._add_distance(loss, x_BTD, num_frames_B, embedding_BE, logits_BS)
        return loss.float(), (weight_2B * (logits_2BS.argmax(dim=1) == target_2B)).sum()

    def _add_distance(self, loss, x_BTD, num_frames_B, embedding_BE, logits_BS):
        """Add the distance from the teacher, in training."""
        if self.teacher is None or not self.model.training:
            return loss
        x_BTD, num_frames_B = self._on_device(x_BTD, num_frames_B)
        return loss + self.teacher.loss(x_BTD, num_frames_B, embedding_BE, logits_BS)

    def embed(self, x_BTD: torch.Tensor, num_frames_B: torch.Tensor | None = None) -> torch.Tensor:
        """x-vectors, float32 (B, E)."""
        with self._autocast():
            return self._embed(x_BTD, num_frames_B).float()

    def _embed(self, x_BTD, num_frames_B):
        x_BTD, num_frames_B = self._on_device(x_BTD, num_frames_B)
        return self._run(x_BTD) if num_frames_B is None else self._run(x_BTD, num_frames_B)

    def _on_device(self, x_BTD, num_frames_B):
        if num_frames_B is not None:
            num_frames_B = num_frames_B.to(self.device, non_blocking=True)
        return x_BTD.to(self.device, non_blocking=True), num_frames_B

    def _autocast(self):
        return torch.autocast(
            self.device.type, PRECISIONS[self.precision], enabled=self.precision != "float32"
        )

    def constrain_weights(self) -> None:
        """Enforce constraints that modules of the model put on their weights."""
        for module in self.model.modules():
            if hasattr(module, "constrain_weights"):
                module.constrain_weights()

    def buffers(self) -> list[torch.Tensor]:
        """Buffers of model, loss and objectives, such as running statistics."""
        return [*self.model.buffers(), *self.loss.buffers(), *self.terms.buffers()]

    @contextlib.contextmanager
    def kept_buffers(self) -> Iterator[None]:
        """Context at whose end all buffers have the values that they had before."""
        before = [buffer.clone() for buffer in self.buffers()]
        yield
        for buffer, value in zip(self.buffers(), before, strict=True):
            buffer.copy_(value)

    def state(self) -> dict:
        """State dicts of model and loss, and of the objectives if there are any."""
        state = {"model": self.model.state_dict(), "loss": self.loss.state_dict()}
        return state | ({"objectives": self.terms.state_dict()} if len(self.terms) else {})

    def restore(self, state: dict) -> None:
        """Load a `state`."""
        self.model.load_state_dict(state["model"])
        self.loss.load_state_dict(state["loss"])
        if len(self.terms):
            self.terms.load_state_dict(state["objectives"])

    def copy_state(self) -> dict:
        """A copy of `state`, on the CPU."""
        return {
            name: {key: x.detach().cpu().clone() for key, x in tensors.items()}
            for name, tensors in self.state().items()
        }
