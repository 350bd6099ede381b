"""X-vectors of single recordings by final.pt alone, without a recipe, tables or Kaldi.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   E = embedding
"""

import os

import numpy as np

from steps_py.audio.decode import read_file
from steps_py.embeddings.config import XvectorsConfig
from steps_py.embeddings.xvectors import check_chunks, extract_xvectors
from steps_py.errors import AudioError, StepsError
from steps_py.feats.sliding_mean import normalised
from steps_py.model.device import choose_device
from steps_py.model.extractor import load_extractor


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
        self._config = config or XvectorsConfig()
        self._extractor = load_extractor(model_path)
        if self._extractor.front_end is None:
            raise StepsError(
                f"{model_path}: has no feature options, so it cannot embed a recording."
                " Extract from features (steps_py.stages.extract_xvectors), or train it again."
            )
        check_chunks(self._extractor, self._config)
        self._device = choose_device(self._config.device, "xvectors")
        self._model = self._extractor.model.merge_branches().to(self._device)

    @property
    def sample_rate_hz(self) -> float:
        """Sample rate of the recordings that can be embedded."""
        return self._extractor.front_end.sample_rate_hz

    @property
    def embedding_dim(self) -> int:
        return self._model.embedding_dim

    def embed(self, wav_path: str | os.PathLike) -> np.ndarray:
        """The x-vector of a recording, float32 (E,), equal to that of the recipe's stages.

        WAV, FLAC, Ogg and MP3 files are read.  Raises AudioError if the file is damaged, of
        another rate, of several channels, or has too little speech.
        """
        wave = read_file(str(wav_path))
        x_TD, is_voiced_T = self._extractor.front_end.compute(wave, str(wav_path))
        frames = np.flatnonzero(is_voiced_T)
        least = self._config.min_chunk_frames if self._config.short_utts == "error" else 1
        if len(frames) < least:
            raise AudioError(
                f"{wav_path}: {len(frames)} of {len(x_TD)} frames are voiced, at least {least} are"
                " needed. Give a longer or louder recording."
            )

        def rows(first, end):
            return x_TD[first:end]

        speech = Speech(wav_path, normalised(rows, frames, len(x_TD), self._extractor.cmvn))
        num_voiced_U = np.array([len(frames)])
        ((_, xvector_E),) = extract_xvectors(
            self._model, speech, num_voiced_U, self._config, self._device
        )
        return xvector_E


class Speech:
    """The normalised frames of one recording, with the interface that `extract_xvectors` uses."""

    def __init__(self, name: str, x_TD: np.ndarray):
        self.utts, self._x_TD = [str(name)], x_TD

    def read(self, row: int):
        return self._x_TD


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
