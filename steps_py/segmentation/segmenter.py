"""final.pt of a segmentation network, and what it finds in recordings.

Shape suffixes (scope: this module):
    W = windows   T = frames   D = feature dimension   K = classes   S = speakers of a window
"""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from steps_py.audio.pieces import Sound
from steps_py.embeddings.long_features import LongFeatures
from steps_py.errors import StepsError
from steps_py.feats.front_end import FrontEnd
from steps_py.model.model_file import (
    built_by_this_version,
    check_finite,
    read_model_file,
    write_model_file,
)
from steps_py.segmentation.config import FrameModelConfig
from steps_py.segmentation.model import FrameModel
from steps_py.segmentation.tasks import TASKS
from steps_py.version import package_version

KIND = "segmentation"
BATCH_WINDOWS = 16


@dataclass(frozen=True)
class Segmenter:
    """A trained network for frames, and everything needed to use it on recordings.

    Attributes
    ----------
    model : FrameModel
    config : FrameModelConfig
    task : dict
        Name and keys of the task.
    front_end : FrontEnd
    feat_dim, window_frames : int
    """

    model: FrameModel
    config: FrameModelConfig
    task: dict[str, Any]
    front_end: FrontEnd
    feat_dim: int
    window_frames: int

    def open(self, sound: Sound, name: str) -> LongFeatures:
        """The features of a recording; StepsError if it has another sample rate."""
        wanted_hz = self.front_end.sample_rate_hz
        if sound.rate_hz != wanted_hz:
            raise StepsError(
                f"{name}: has {sound.rate_hz:g} Hz here, but the segmentation network takes"
                f" {wanted_hz:g} Hz. Train it with the features of the same extractor."
            )
        return LongFeatures(self.front_end, sound, name)

    def windows(self, features: LongFeatures, step_frames: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the first frame of each window and its probabilities of classes, float (T, K).

        A window begins every `step_frames`; the last one ends with the recording.
        """
        starts = window_starts(features.num_frames, self.window_frames, step_frames)
        for begin in range(0, len(starts), BATCH_WINDOWS):
            batch = starts[begin : begin + BATCH_WINDOWS]
            x_WTD = np.stack([self._window(features, first) for first in batch])
            with torch.inference_mode():
                p_WTK = self.model(torch.from_numpy(x_WTD)).float().softmax(dim=2).numpy()
            num_frames = min(self.window_frames, features.num_frames)
            yield from zip(batch, p_WTK[:, :num_frames], strict=True)

    def _window(self, features, first):
        x_TD = features.rows(first, min(first + self.window_frames, features.num_frames))
        missing = max(0, self.model.min_frames - len(x_TD))
        return np.pad(x_TD, ((0, missing), (0, 0)), mode="edge")

    def count_probabilities(self, features: LongFeatures) -> np.ndarray:
        """Probabilities of nobody, one and several speakers, float (T, 3).

        Means over windows that overlap by half.
        """
        task, num_frames = TASKS.build(self.task), features.num_frames
        sum_T3, count_T1 = np.zeros((num_frames, 3)), np.zeros((num_frames, 1))
        for first, p_TK in self.windows(features, max(1, self.window_frames // 2)):
            sum_T3[first : first + len(p_TK)] += task.count_probabilities(p_TK)
            count_T1[first : first + len(p_TK)] += 1
        return sum_T3 / np.maximum(count_T1, 1)

    def local_speakers(
        self, features: LongFeatures, step_frames: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the first frame of each window and which of its speakers speak, bool (T, S).

        Raises StepsError if the network counts speakers and does not tell them apart.
        """
        task = TASKS.build(self.task)
        if not task.local_speakers:
            raise StepsError(
                f"segmentation: the task of the network is {self.task['name']}, which does not tell"
                " speakers apart. Take one with task powerset."
            )
        for first, p_TK in self.windows(features, step_frames):
            yield first, task.active_KS[p_TK.argmax(axis=1)]


def window_starts(num_frames: int, window_frames: int, step_frames: int) -> list[int]:
    """First frames of windows; the last one ends with the recording.

    >>> window_starts(25, 10, 5), window_starts(23, 10, 5), window_starts(7, 10, 5)
    ([0, 5, 10, 15], [0, 5, 10, 13], [0])
    """
    if not num_frames:
        return []
    last = max(0, num_frames - window_frames)
    return [*range(0, last, step_frames), last]


def save_segmenter(path: str | Path, segmenter: Segmenter) -> None:
    """Write final.pt, atomically."""
    config = asdict(segmenter.config)
    config["front_ends"] = segmenter.model.front_ends.portable(config["front_ends"])
    content = {
        "model": {name: x.detach().cpu() for name, x in segmenter.model.state_dict().items()},
        "config": config,
        "task": segmenter.task,
        "front_end": asdict(segmenter.front_end),
        "feat_dim": segmenter.feat_dim,
        "window_frames": segmenter.window_frames,
        "version": package_version(),
    }
    write_model_file(path, KIND, content)


def load_segmenter(path: str | os.PathLike) -> Segmenter:
    """Read final.pt of a segmentation network.

    Raises
    ------
    StepsError
        Naming the file, if it is missing, damaged, of another kind, or has a network that this
        version cannot build.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise StepsError(
            f"{path}: there is no such file. Train the network by section segmentation, or correct"
            " the path."
        )
    saved, _ = read_model_file(path, KIND)
    with built_by_this_version(path, saved):
        config = FrameModelConfig(**saved["config"])
        task = TASKS.build(saved["task"])
        model = FrameModel(config, saved["feat_dim"], task.num_classes)
        model.load_state_dict(saved["model"], strict=True)
        front_end = FrontEnd(**saved["front_end"])
    check_finite(path, model)
    sizes = saved["feat_dim"], saved["window_frames"]
    return Segmenter(model.eval(), config, saved["task"], front_end, *sizes)
