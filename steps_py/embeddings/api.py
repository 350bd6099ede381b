"""X-vectors of single recordings by final.pt alone, without a recipe, tables or Kaldi.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   E = embedding
"""

import os
from typing import NamedTuple

import numpy as np

from steps_py.audio.decode import read_file
from steps_py.audio.sox import change_speed
from steps_py.audio.wave import Wave, quantise
from steps_py.augment.config import ratio_of
from steps_py.embeddings.config import XvectorsConfig
from steps_py.embeddings.copies import crop_start
from steps_py.embeddings.xvectors import check_chunks, extract_xvectors
from steps_py.errors import AudioError, StepsError
from steps_py.feats.sliding_mean import normalised
from steps_py.model.device import choose_device
from steps_py.model.extractor import Extractor, load_extractor


class Embedding(NamedTuple):
    """The x-vector of a recording, float32 (E,), and the frames that it is of."""

    xvector_E: np.ndarray
    num_voiced_frames: int
    num_frames: int


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
        self._model = extractor.model.merge_branches().to(self._device)

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

    def embed(self, wav_path: str | os.PathLike) -> np.ndarray:
        """The x-vector of a recording, float32 (E,), equal to that of the recipe's stages.

        WAV, FLAC, Ogg and MP3 files are read.  Raises AudioError if the file is damaged, of
        another rate, of several channels, or has too little speech.
        """
        return self.embed_wave(read_file(str(wav_path)), wav_path).xvector_E

    def embed_wave(self, wave: Wave, name: str | os.PathLike) -> Embedding:
        """`embed` for a recording in memory; `name` is for messages."""
        parts = [self._embed_at_speed(wave, speed, name) for speed in self._speeds()]
        if len(parts) == 1:
            return parts[0]
        xvector_E = np.mean([part.xvector_E for part in parts], axis=0, dtype=np.float64)
        return parts[0]._replace(xvector_E=xvector_E.astype(np.float32))

    def _speeds(self):
        """Those of ``xvectors.copies``, 1 for none."""
        copies = self._config.copies
        return copies.speeds if copies and copies.speeds else [1.0]

    def _embed_at_speed(self, wave, speed, name):
        if speed != 1:
            wave = change_speed(wave, ratio_of(speed).as_integer_ratio())
            wave = Wave(wave.rate_hz, quantise(wave.samples_CN))  # as a pipe of sox writes it
        x_TD, is_voiced_T = self._extractor.front_end.compute(wave, str(name))
        frames = np.flatnonzero(is_voiced_T)
        least = self._config.min_chunk_frames if self._config.short_utts == "error" else 1
        if len(frames) < least:
            raise AudioError(
                f"{name}: {len(frames)} of {len(x_TD)} frames are voiced, at least {least} are"
                " needed. Give a longer or louder recording."
            )

        def rows(first, end):
            return x_TD[first:end]

        x_TD = normalised(rows, frames, len(x_TD), self._extractor.cmvn)
        speech = Speech(name, self._crops(x_TD))
        num_voiced_U = np.array([len(crop_TD) for crop_TD in speech.crops])
        xvectors = extract_xvectors(self._model, speech, num_voiced_U, self._config, self._device)
        xvector_E = np.mean([x_E for _, x_E in xvectors], axis=0, dtype=np.float64)
        return Embedding(xvector_E.astype(np.float32), len(frames), len(is_voiced_T))

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
    """Normalised frames of parts of one recording, with the interface of `extract_xvectors`."""

    def __init__(self, name: str | os.PathLike, crops: list[np.ndarray]):
        self.utts, self.crops = [str(name)] * len(crops), crops

    def read(self, row: int) -> np.ndarray:
        return self.crops[row]


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
