"""i-vectors of single recordings in memory, without a recipe, tables or Kaldi.

The steps and their order are those of the rule ``extract_ivectors`` of a recipe.

Shape suffixes (scope: this module):
    T = frames   D = feature dimension   F = the same with deltas   E = dimension of the i-vector
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from steps_py.audio.wave import Wave
from steps_py.embeddings.api import Embedding, at_speed, speeds_of
from steps_py.embeddings.config import XvectorsConfig
from steps_py.errors import AudioError, StepsError
from steps_py.feats.cmvn import sliding_cmn
from steps_py.feats.config import CmvnConfig
from steps_py.feats.deltas import DeltaConfig, add_deltas
from steps_py.feats.front_end import FrontEnd
from steps_py.formats.posteriors import Posterior
from steps_py.gmm.full_gmm import FullGmm
from steps_py.gmm.posteriors import dense_blocks, posteriors_of, select_best
from steps_py.ivector.extraction import IvectorComputer
from steps_py.ivector.extractor import IvectorExtractor


@dataclass(frozen=True, kw_only=True)
class IvectorOptions:
    """What the frames of Gaussians are, and which Gaussians of a frame count.

    The names are those of the sections ``cmvn``, ``ubm`` and ``ivector`` of a recipe.
    """

    front_end: FrontEnd
    cmvn: CmvnConfig
    delta_order: int
    delta_window_frames: int
    num_gselect: int
    min_post: float
    posterior_scale: float


class IvectorEmbedder:
    """Computes i-vectors of recordings.

    Parameters
    ----------
    ubm : FullGmm
        The background model.
    extractor : IvectorExtractor
    options : IvectorOptions
    config : XvectorsConfig
        Section ``xvectors`` of the recipe, whose copies apply.
    where : path
        Where these are from, for messages.

    Raises
    ------
    StepsError
        If model and extractor do not fit together.
    """

    def __init__(
        self,
        ubm: FullGmm,
        extractor: IvectorExtractor,
        options: IvectorOptions,
        config: XvectorsConfig,
        where: str | os.PathLike,
    ):
        if (ubm.num_gauss, ubm.dim) != (extractor.num_gauss, extractor.feat_dim):
            raise StepsError(
                f"{where}: a background model of {ubm.num_gauss} Gaussians of {ubm.dim} dimensions,"
                f" an extractor of {extractor.num_gauss} of {extractor.feat_dim}. Train both again."
            )
        self._options, self._speeds = options, speeds_of(config)
        self._ubm, self._diag_ubm = ubm, ubm.to_diag()
        self._computer = IvectorComputer(extractor)

    @property
    def sample_rate_hz(self) -> float:
        """Sample rate of the recordings that can be embedded."""
        return self._options.front_end.sample_rate_hz

    @property
    def frame_shift_sec(self) -> float:
        """Seconds from one frame to the next."""
        return self._options.front_end.options().frame_shift / 1000

    @property
    def embedding_dim(self) -> int:
        """Dimension of the i-vectors."""
        return self._computer.extractor.dim

    def embed_waves(self, named: Sequence[tuple[Wave, str]]) -> list[Embedding]:
        """The i-vectors of recordings, ``(wave, name)``.

        Raises AudioError if a recording is of another rate or has no speech.
        """
        batch = self._computer.new_batch(len(self._speeds) * len(named))
        vectors, counts = [], []
        for wave, name in named:
            for speed in self._speeds:
                counts.append(self._add(batch, at_speed(wave, speed), name))
                if batch.is_full:
                    vectors.extend(self._computer.compute(batch)[0])
                    batch.clear()
        vectors.extend(self._computer.compute(batch)[0])
        rows = np.reshape(vectors, (len(named), len(self._speeds), self.embedding_dim))
        return [
            Embedding(mean_E.astype(np.float32), *count)
            for mean_E, count in zip(
                rows.astype(np.float32).mean(axis=1, dtype=np.float64),
                counts[:: len(self._speeds)],
                strict=True,
            )
        ]

    def _add(self, batch, wave, name):
        """Add a recording to a batch; how many frames are voiced, and how many there are."""
        x_TD, is_voiced_T = self._options.front_end.compute(wave, name)
        if not is_voiced_T.any():
            raise AudioError(
                f"{name}: 0 of {len(x_TD)} frames are voiced, at least 1 is needed. Give a longer"
                " or louder recording."
            )
        x_TF = self._frames(x_TD)[is_voiced_T]
        batch.start(name)
        for x_BF, posterior in self._posteriors(x_TF):
            batch.add(x_BF, posterior)
        return len(x_TF), len(x_TD)

    def _frames(self, x_TD):
        """All frames with deltas, normalised."""
        options = self._options
        deltas = DeltaConfig(order=options.delta_order, window_frames=options.delta_window_frames)
        x_TF = add_deltas(x_TD, deltas) if options.delta_order else x_TD
        window_frames, norm_vars = options.cmvn.window_frames, options.cmvn.norm_vars
        return sliding_cmn(x_TF, window_frames, norm_vars=norm_vars) if window_frames else x_TF

    def _posteriors(self, x_TF) -> Iterator[tuple[np.ndarray, Posterior]]:
        """Blocks of frames, and the posteriors of their likeliest Gaussians."""
        num_best = min(self._options.num_gselect, self._ubm.num_gauss)
        for rows, loglikes_TG in dense_blocks(self._diag_ubm, x_TF):
            selection, _ = select_best(loglikes_TG, num_best)
            loglikes_P = self._ubm.log_likelihoods_of(x_TF[rows], selection)
            posterior, _ = posteriors_of(loglikes_P, selection, self._options.min_post)
            yield x_TF[rows], posterior.scaled(self._options.posterior_scale)
