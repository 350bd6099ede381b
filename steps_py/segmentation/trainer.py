"""Training of a network for frames: the engine of `steps_py.training`, with windows and targets.

Shape suffixes (scope: this module):
    B = windows of a batch   T = frames   D = feature dimension
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from steps_py.chunks.config import ChunksConfig
from steps_py.chunks.sampler import Batch
from steps_py.errors import ConfigError
from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.segmentation.config import FrameModelConfig, SegmentationNetwork
from steps_py.segmentation.frame_data import FrameData, WindowReader, WindowSampler
from steps_py.segmentation.model import FrameModel
from steps_py.segmentation.segmenter import Segmenter, save_segmenter
from steps_py.segmentation.tasks import TASKS
from steps_py.segmentation.tasks.base import Task
from steps_py.settings.build import build
from steps_py.settings.declare import plain
from steps_py.training.config import Sections, TrainConfig
from steps_py.training.network import Network
from steps_py.training.processes import ProcessGroup
from steps_py.training.trainer import Trainer

TASK_KEYS = ("task", "window_sec", "front_ends", "encoder")  # the others are of train


def sections_of(config: SegmentationNetwork, data: FrameData, window_frames: int) -> Sections:
    """The sections of a training that the engine reads."""
    keys = {key: value for key, value in plain(config).items() if key not in TASK_KEYS}
    if keys["steps_per_epoch"] is None:
        num_windows = data.num_frames_U.sum() / window_frames
        keys["steps_per_epoch"] = int(np.ceil(num_windows / config.batch_size))
    model = {"front_ends": config.front_ends, "encoder": config.encoder}
    return {
        "train": build(TrainConfig, {**keys, "loss": config.task}, "segmentation.networks"),
        "model": build(FrameModelConfig, plain(model), "segmentation.networks"),
        "cmvn": CmvnConfig(),
        "chunks": ChunksConfig(min_frames=window_frames, max_frames=window_frames),
    }


class FrameNetwork(Network):
    """A FrameModel, and a Task as its loss."""

    def __init__(self, sections: Sections, feat_dim: int, task: Task, group):
        self._task = task
        super().__init__(sections, feat_dim, 0, group)

    def _build_model(self, sections, feat_dim):
        model = FrameModel(sections["model"], feat_dim, self._task.num_classes)
        window_frames = sections["chunks"].min_frames
        if window_frames < model.min_frames:
            raise ConfigError(
                f"segmentation.networks: windows have {window_frames} frames, but the receptive"
                f" field of the network is {model.min_frames}. Raise window_sec."
            )
        return model

    def _build_loss(self, num_speakers):
        return self._task

    def compute(
        self,
        x_BTD: torch.Tensor,
        target_B: torch.Tensor,
        num_frames_B: torch.Tensor | None = None,
        mixed: Any = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the frames, and how many of the windows' frames are right, in windows."""
        with self._autocast():
            logits_BTK = self._embed(x_BTD, num_frames_B)
        loss, correct = self.loss(logits_BTK.float(), target_B.to(self.device))
        return loss, correct * len(x_BTD)


class FrameValidation:
    """Loss and accuracy on windows that follow each other, at the end of an epoch."""

    speakers = None

    def __init__(self, data: FrameData | None, task: Task, window_frames: int, batch_size: int):
        self.utts, self._batch_size = data, batch_size
        if data is None:
            return
        self._reader, self._window_frames = WindowReader(data, task), window_frames
        self._windows = [
            (row, first)
            for row, num_frames in enumerate(data.num_frames_U.tolist())
            for first in range(0, num_frames - window_frames + 1, window_frames)
        ]

    def measure(
        self, network: FrameNetwork, epoch: float
    ) -> tuple[float | None, float | None, None]:
        """Loss and accuracy; None without held-out recordings."""
        network.set_eval_mode(epoch)
        if self.utts is None:
            return None, None, None
        total = torch.zeros(2, dtype=torch.float64)
        with torch.inference_mode():
            for start in range(0, len(self._windows), self._batch_size):
                rows_B, first_B = np.array(self._windows[start : start + self._batch_size]).T
                batch = Batch(rows_B, first_B, np.zeros_like(rows_B), self._window_frames)
                loss, correct = network.compute(*map(torch.from_numpy, self._reader.read(batch)))
                total += torch.stack([loss * len(rows_B), correct]).double().cpu()
        return (*(total / len(self._windows)).tolist(), None)


class FrameTrainer(Trainer):
    """The state of the training of a network for frames, and its steps.

    Parameters
    ----------
    config : SegmentationNetwork
    front_end : FrontEnd
        Of the features; stored in final.pt.
    train : FrameData
    valid : FrameData, optional
    window_frames : int
    """

    def __init__(
        self,
        config: SegmentationNetwork,
        front_end: FrontEnd,
        train: FrameData,
        valid: FrameData | None,
        window_frames: int,
        group: ProcessGroup | None = None,
    ):
        self._window_frames, self._front_end = window_frames, front_end
        self._task = TASKS.build(config.task)
        sections = sections_of(config, train, window_frames)
        super().__init__(sections, train, valid, group=group)

    def _open(self, train):
        config = self.config
        sizes = self._window_frames, config.batch_size, config.seed
        return WindowReader(train, self._task), WindowSampler(train.num_frames_U, *sizes)

    def _build_network(self, train):
        return FrameNetwork(self.sections, self.reader.feat_dim, self._task, self.group)

    def _digest_of_sampler(self, train):
        return {}

    def _build_validation(self, valid, valid_speakers):
        sizes = self._window_frames, self.config.batch_size
        return FrameValidation(valid, self._task, *sizes)

    def describe_data(self) -> str:
        return f"{len(self.sampler.num_frames_U)} recordings"

    def save(self, out_dir: Path) -> None:
        """Write final.pt."""
        segmenter = Segmenter(
            self.network.model.cpu(),
            self.sections["model"],
            self.config.loss,
            self._front_end,
            self.reader.feat_dim,
            self._window_frames,
        )
        save_segmenter(out_dir / "final.pt", segmenter)
