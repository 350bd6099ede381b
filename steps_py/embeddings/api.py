"""X-vectors of single recordings by final.pt alone, without a recipe, tables or Kaldi.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   E = embedding
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from steps_py.audio.decode import read_file
from steps_py.audio.sox import change_speed
from steps_py.audio.wave import Wave, quantise
from steps_py.augment.config import ratio_of
from steps_py.embeddings.config import XvectorsConfig
from steps_py.embeddings.copies import crop_start
from steps_py.embeddings.layers import of_layer
from steps_py.embeddings.xvectors import check_chunks, extract_xvectors
from steps_py.errors import AudioError, StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.feats.sliding_mean import normalised
from steps_py.model.device import choose_device
from steps_py.model.extractor import Extractor, load_extractor


class Embedding(NamedTuple):
    """The x-vector of a recording, float32 (E,), and the frames that it is of."""

    xvector_E: np.ndarray
    num_voiced_frames: int
    num_frames: int


class Frames(NamedTuple):
    """What a network is given of a recording.

    Attributes
    ----------
    x_TD : float32 array
        Its voiced frames, normalised.
    rows_T : int array
        Which of all frames these are.
    features_FD : float32 array
        All frames, before normalisation.
    """

    x_TD: np.ndarray
    rows_T: np.ndarray
    features_FD: np.ndarray


class Embedder:
    """Computes x-vectors of recordings with a trained network.

    Parameters
    ----------
    model_path : path
        final.pt of a recipe.
    config : XvectorsConfig, optional
        Section ``xvectors`` of the recipe: chunk lengths, padding, device.

    Raises
    ------
    StepsError
        If the file is damaged, or has no feature options: files of format 1, and
        networks that were converted from nnet3.

    Examples
    --------
    >>> embedder = Embedder("exp/model/final.pt")                          # doctest: +SKIP
    >>> anna_E, ben_E = embedder.embed("anna.wav"), embedder.embed("ben.flac")  # doctest: +SKIP
    """

    def __init__(self, model_path: str | os.PathLike, config: XvectorsConfig | None = None):
        self._prepare(load_extractor(model_path), config, model_path)

    @classmethod
    def of_extractor(
        cls, extractor: Extractor, config: XvectorsConfig, where: str | os.PathLike
    ) -> "Embedder":
        """The embedder of an extractor in memory; `where` it is from is for messages."""
        embedder = cls.__new__(cls)
        embedder._prepare(extractor, config, where)
        return embedder

    def _prepare(self, extractor, config, where):
        self._config, self._extractor = config or XvectorsConfig(), extractor
        if extractor.front_end is None:
            raise StepsError(
                f"{where}: has no feature options, so it cannot embed a recording."
                " Extract from features (steps_py.stages.extract_xvectors), or train it again."
            )
        check_chunks(extractor, self._config)
        self._device = choose_device(self._config.device, "xvectors")
        model = of_layer(extractor.model.merge_branches(), self._config.layer)
        self._model = model.to(self._device)

    @property
    def extractor(self) -> Extractor:
        """The network, with the options of its features."""
        return self._extractor

    @property
    def sample_rate_hz(self) -> float:
        """Sample rate of the recordings that can be embedded."""
        return self._extractor.front_end.sample_rate_hz

    @property
    def frame_shift_sec(self) -> float:
        """Seconds from one frame to the next."""
        return self._extractor.front_end.options().frame_shift / 1000

    @property
    def embedding_dim(self) -> int:
        return self._model.embedding_dim

    @property
    def network(self) -> torch.nn.Module:
        """Features (B, T, D) -> x-vectors (B, E), in eval mode, on the device."""
        return self._model

    @property
    def config(self) -> XvectorsConfig:
        """The chunk lengths and copies of x-vectors."""
        return self._config

    @property
    def cmvn(self) -> CmvnConfig:
        """The normalisation of the features."""
        return self._extractor.cmvn

    @property
    def front_end(self) -> FrontEnd:
        """The options of the features."""
        return self._extractor.front_end

    def embed(self, wav_path: str | os.PathLike) -> np.ndarray:
        """The x-vector of a recording, float32 (E,), equal to that of the recipe's stages.

        WAV, FLAC, Ogg and MP3 files are read.  Raises AudioError if the file is damaged, of
        another rate, of several channels, or has too little speech.
        """
        return self.embed_wave(read_file(str(wav_path)), wav_path).xvector_E

    def embed_wave(self, wave: Wave, name: str | os.PathLike) -> Embedding:
        """`embed` for a recording in memory; `name` is for messages."""
        return self.embed_waves([(wave, str(name))])[0]

    def embed_waves(self, named: Sequence[tuple[Wave, str]]) -> list[Embedding]:
        """The embeddings of several recordings, ``(wave, name)``, computed in batches."""
        speech, frames = Speech(), []
        for place, (wave, name) in enumerate(named):
            at_speeds = [at_speed(wave, speed) for speed in speeds_of(self._config)]
            frames.append([self._add_voiced(speech, place, each, name) for each in at_speeds])
        num_voiced_U = np.array([len(crop_TD) for crop_TD in speech.crops])
        xvectors = extract_xvectors(self._model, speech, num_voiced_U, self._config, self._device)
        parts = [[] for _ in named]
        for place, (_, xvector_E) in zip(speech.places, xvectors, strict=True):
            parts[place].append(xvector_E)
        return [
            Embedding(np.mean(vectors, axis=0, dtype=np.float64).astype(np.float32), *counts[0])
            for vectors, counts in zip(parts, frames, strict=True)
        ]

    def _add_voiced(self, speech, place, wave, name):
        """Add the voiced frames of a recording to `speech`; how many, and how many frames."""
        frames = self.frames(wave, name)
        for crop_TD in self._crops(frames.x_TD):
            speech.add(place, name, crop_TD)
        return len(frames.rows_T), len(frames.features_FD)

    def frames(self, wave: Wave, name: str) -> Frames:
        """The voiced frames of a recording; AudioError if they are too few."""
        x_TD, is_voiced_T = self._extractor.front_end.compute(wave, name)
        frames = np.flatnonzero(is_voiced_T)
        least = self._config.min_chunk_frames if self._config.short_utts == "error" else 1
        if len(frames) < least:
            raise AudioError(
                f"{name}: {len(frames)} of {len(x_TD)} frames are voiced, at least {least} are"
                " needed. Give a longer or louder recording."
            )

        def rows(first, end):
            return x_TD[first:end]

        return Frames(normalised(rows, frames, len(x_TD), self._extractor.cmvn), frames, x_TD)

    def _crops(self, x_TD):
        """The parts of voiced frames whose x-vectors are averaged, of ``copies.crops``."""
        crops = self._config.copies and self._config.copies.crops
        if not crops:
            return [x_TD]
        length = min(len(x_TD), crops.frames)
        starts = [
            crop_start(number, crops.count, len(x_TD) - length)
            for number in range(1, crops.count + 1)
        ]
        return [x_TD[start : start + length] for start in starts]


class Speech:
    """Normalised frames of parts of recordings, with the interface of `extract_xvectors`."""

    def __init__(self):
        self.utts: list[str] = []
        self.crops: list[np.ndarray] = []
        self.places: list[int] = []  # of the recordings that the crops are of

    def add(self, place: int, name: str, crop_TD: np.ndarray) -> None:
        """Add a part of the recording at a place of the batch."""
        self.utts.append(name)
        self.crops.append(crop_TD)
        self.places.append(place)

    def read(self, row: int) -> np.ndarray:
        return self.crops[row]


def speeds_of(config: XvectorsConfig) -> list[float]:
    """Those of ``xvectors.copies``, 1 for none.

    >>> speeds_of(XvectorsConfig())
    [1.0]
    """
    return config.copies.speeds if config.copies and config.copies.speeds else [1.0]


def at_speed(wave: Wave, speed: float) -> Wave:
    """A recording played at a speed, in 16 bits as a pipe of sox writes it."""
    if speed == 1:
        return wave
    wave = change_speed(wave, ratio_of(speed).as_integer_ratio())
    return Wave(wave.rate_hz, quantise(wave.samples_CN))


def embed(
    model_path: str | os.PathLike,
    wav_path: str | os.PathLike,
    config: XvectorsConfig | None = None,
) -> np.ndarray:
    """The x-vector of one recording, float32 (E,); see `Embedder`, which loads the model once.

    >>> embed("exp/model/final.pt", "anna.wav").shape    # doctest: +SKIP
    (512,)
    """
    return Embedder(model_path, config).embed(wav_path)
