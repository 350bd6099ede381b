"""The network and its loss, as a training runs them.

Shape suffixes (scope: this module):
    B = chunks of a batch   T = frames   D = feature dimension   S = speakers
"""

import torch

from steps_py.errors import ConfigError
from steps_py.model.build import build_model
from steps_py.model.device import PRECISIONS, choose_device, choose_precision
from steps_py.model.layers.norm import synchronize_norms
from steps_py.model.registries import LOSSES
from steps_py.training.freezing import Freezing


class Network:
    """Model and loss on their device, in their precision.

    Parameters
    ----------
    sections : dict
        train (TrainConfig), model (ModelConfig), chunks (ChunksConfig).
    feat_dim, num_speakers : int
    ranks : Ranks
    """

    def __init__(self, sections, feat_dim, num_speakers, ranks):
        config = self.config = sections["train"]
        self.device = choose_device(config.device, "train", ranks.local_rank)
        self.precision = choose_precision(config.precision, self.device)
        torch.manual_seed(config.seed)
        self.model = build_model(sections["model"], feat_dim).to(self.device)
        chunks = sections["chunks"]
        if chunks.min_frames < self.model.min_frames:
            raise ConfigError(
                f"train: chunks.min_frames is {chunks.min_frames}, but a frame of the network"
                f" spans {self.model.min_frames}. Raise chunks.min_frames."
            )
        in_dim = self.model.embedding_dim
        self.loss = LOSSES.build(config.loss, in_dim=in_dim, num_speakers=num_speakers)
        self.loss.to(self.device)
        self.classifies = True  # until the loss answers without logits
        self._freezing = Freezing(config.freeze, self.model, self.loss)
        self._speed_up(ranks, lengths_vary=chunks.min_frames < chunks.max_frames)
        self.parameters = [*self.model.parameters(), *self.loss.parameters()]
        if ranks.rank:  # the weights were drawn alike; dropout is to differ
            torch.manual_seed(config.seed + 1000 * ranks.rank)

    def _speed_up(self, ranks, lengths_vary):
        on_gpu = self.device.type == "cuda"
        if on_gpu if self.config.channels_last is None else self.config.channels_last:
            self.model.to(memory_format=torch.channels_last)  # concerns 2-D encoders alone
        if self.config.sync_batch_norm and ranks.num_ranks > 1:
            synchronize_norms(self.model)
            synchronize_norms(self.loss)
        self._run = self.model
        if self.config.compile:  # one program for all lengths: a resumed run must not need another
            self._run = torch.compile(self.model, dynamic=lengths_vary)

    def prepare(self, epoch):
        """Set modes and margins for a step `epoch` epochs after the start."""
        self.model.train()
        self.loss.train()
        self.loss.set_epoch(epoch)
        self._freezing.apply(epoch)

    def evaluate(self, epoch):
        """Set modes and margins for validation."""
        self.model.eval()
        self.loss.eval()
        self.loss.set_epoch(epoch)

    def compute(self, x_BTD, spk_id_B, num_frames_B=None):
        """Loss, and number of chunks given to the right speaker, on the device."""
        spk_id_B = spk_id_B.to(self.device, non_blocking=True)
        with self._autocast():
            loss, logits_BS = self.loss(self._embed(x_BTD, num_frames_B), spk_id_B)
        self.classifies = logits_BS is not None
        if not self.classifies:
            return loss.float(), torch.zeros((), device=self.device)
        return loss.float(), (logits_BS.argmax(dim=1) == spk_id_B).sum().float()

    def embed(self, x_BTD, num_frames_B=None):
        """x-vectors (B, E)."""
        with self._autocast():
            return self._embed(x_BTD, num_frames_B).float()

    def _embed(self, x_BTD, num_frames_B):
        x_BTD = x_BTD.to(self.device, non_blocking=True)
        if num_frames_B is None:
            return self._run(x_BTD)
        return self._run(x_BTD, num_frames_B.to(self.device, non_blocking=True))

    def _autocast(self):
        return torch.autocast(
            self.device.type, PRECISIONS[self.precision], enabled=self.precision != "float32"
        )

    def buffers(self):
        """Running statistics and other tensors that are no weights."""
        return [*self.model.buffers(), *self.loss.buffers()]

    def state(self):
        return {"model": self.model.state_dict(), "loss": self.loss.state_dict()}

    def restore(self, state):
        self.model.load_state_dict(state["model"])
        self.loss.load_state_dict(state["loss"])

    def copy(self):
        """A `state` of its own, on the CPU."""
        return {
            part: {name: x.detach().cpu().clone() for name, x in tensors.items()}
            for part, tensors in self.state().items()
        }
