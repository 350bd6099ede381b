"""X-vectors of windows of a recording, from features that are computed once.

Shape suffixes (scope: this module):
    W = windows   T = frames   D = feature dimension   E = embedding
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from steps_py.embeddings.config import XvectorsConfig
from steps_py.embeddings.layers import of_layer
from steps_py.embeddings.long_features import LongFeatures
from steps_py.embeddings.xvectors import check_chunks, extract_xvectors
from steps_py.errors import StepsError
from steps_py.feats.sliding_mean import normalised
from steps_py.model.device import choose_device
from steps_py.model.extractor import Extractor

BATCH_FRAMES = 6000  # on a CPU; windows have one length, so a batch of them needs no padding
BLOCK_FRAMES = 6000  # normalised frames in memory


class WindowEmbedder:
    """Computes the x-vectors of windows with a trained network.

    Parameters
    ----------
    extractor : Extractor
    config : XvectorsConfig
        Section ``xvectors`` of the extractor's recipe.
    where : str
        The file that the extractor is from, for messages.
    """

    def __init__(self, extractor: Extractor, config: XvectorsConfig, where: str):
        if extractor.front_end is None:
            raise StepsError(
                f"{where}: has no feature options, so it cannot read recordings. Train it again, or"
                " use the final.pt of another recipe."
            )
        check_chunks(extractor, config)
        self.front_end = extractor.front_end
        self._cmvn = extractor.cmvn
        self._device = choose_device(config.device, "xvectors")
        frames = config.batch_frames
        if frames is None and self._device.type == "cpu":
            frames = BATCH_FRAMES
        self._config = dataclasses.replace(config, batch_frames=frames, copies=None)
        model = of_layer(extractor.model.merge_branches(), config.layer)
        self._model = model.to(self._device)

    @property
    def embedding_dim(self) -> int:
        return self._model.embedding_dim

    def xvectors(
        self, features: LongFeatures, windows: Sequence[tuple[float, float]]
    ) -> Iterator[np.ndarray]:
        """Yield the x-vector of each window, float32 (E,), in order.

        Parameters
        ----------
        features : LongFeatures
        windows : sequence of (begin, end) in s
            Ascending; at least a frame of each is taken.
        """
        frames_W2 = _frames_of(features, windows)
        rows = _Windows(features, frames_W2, self._cmvn)
        yield from self._extract(rows, frames_W2[:, 1] - frames_W2[:, 0])

    def xvectors_of_frames(
        self, features: LongFeatures, frames: Sequence[np.ndarray]
    ) -> Iterator[np.ndarray]:
        """Yield the x-vector of each set of frames, float32 (E,), in order.

        Parameters
        ----------
        features : LongFeatures
        frames : sequence of int arrays
            Ascending numbers of frames, at least one in each.
        """
        rows = _Frames(features, frames, self._cmvn)
        yield from self._extract(rows, np.array([len(own) for own in frames], int))

    def _extract(self, rows, num_frames_W):
        if not len(num_frames_W):
            return
        for _, xvector_E in extract_xvectors(
            self._model, rows, num_frames_W, self._config, self._device
        ):
            yield xvector_E


def _frames_of(features, windows):
    """First frame and end of each window, within the recording, int (W, 2)."""
    frames_W2 = np.rint(np.array(windows, float).reshape(-1, 2) / features.frame_shift_sec)
    first_W = np.clip(frames_W2[:, 0], 0, features.num_frames - 1)
    end_W = np.clip(frames_W2[:, 1], first_W + 1, features.num_frames)
    return np.stack([first_W, end_W], axis=1).astype(int)


class _Windows:
    """Normalised frames of windows, with the interface that `extract_xvectors` reads."""

    def __init__(self, features, frames_W2, cmvn):
        self._features, self._frames_W2, self._cmvn = features, frames_W2, cmvn
        self.utts = [f"{features.name}, frame {first}" for first, _ in frames_W2]
        self._start, self._block_TD = 0, np.zeros((0, 0), np.float32)

    def read(self, row):
        first, end = self._frames_W2[row]
        if first < self._start or end > self._start + len(self._block_TD):
            last = min(max(end, first + BLOCK_FRAMES), self._features.num_frames)
            self._block_TD = normalised(
                self._features.rows, np.arange(first, last), self._features.num_frames, self._cmvn
            )
            self._start = first
        return self._block_TD[first - self._start : end - self._start]


class _Frames:
    """Normalised frames that need not follow each other, with the same interface."""

    def __init__(self, features, frames, cmvn):
        self._features, self._frames, self._cmvn = features, frames, cmvn
        self.utts = [f"{features.name}, frame {own[0]}" for own in frames]

    def read(self, row):
        features = self._features
        return normalised(features.rows, self._frames[row], features.num_frames, self._cmvn)
