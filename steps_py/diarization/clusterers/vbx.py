"""Bayesian hidden Markov model of x-vectors."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from steps_py.backend.plda import Plda
from steps_py.diarization.clusterers.ahc import MOST_PER_PASS, Ahc
from steps_py.diarization.clusterers.base import CLUSTERERS, Clusterer, need_plda
from steps_py.diarization.vb_hmm import VbConfig, vb_hmm
from steps_py.settings.declare import Count, Share, setting


@CLUSTERERS.register("vbx")
class Vbx(Clusterer):
    """Agglomerative clustering, refined by a Bayesian hidden Markov model with a PLDA prior.

    The first clustering is of cosines and should find too many speakers rather than too few: the
    model drops those that it does not need.  See `steps_py.diarization.vb_hmm`.

    If the number of speakers is known, the first clustering has that number, and the refinement
    stops before one of them has no window.

    >>> plda = Plda(np.zeros(2), np.eye(2), [80.0, 80.0])
    >>> x_ND = np.array([[9.0, 0.0], [8.0, 1.0], [0.0, 9.0], [1.0, 8.0], [9.0, 1.0]])
    >>> Vbx(Vbx.Config(normalize_length=False)).labels(x_ND, plda).tolist()
    [0, 0, 1, 1, 0]
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        threshold: float | None = setting(
            None,
            "of the first clustering: those with a lower mean cosine are not merged; null: where"
            " two Gaussians that are fitted to the cosines of a recording cross",
        )
        bias: float = setting(-0.015, "is added to the threshold that is fitted")
        centre: bool = setting(
            False, "subtract the mean of the recording's x-vectors before cosines"
        )
        smoothing: float = setting(
            5.0, "of the first clusters: higher values start with harder decisions", minimum=0
        )
        plda_dim: int | None = setting(
            128, "dimensions of PLDA that vary most between speakers; null: all", minimum=1
        )
        normalize_length: bool = setting(
            True, "scale x-vectors to the length that PLDA expects; false: as VBx, they have it"
        )
        acoustic_scale: float = setting(
            1.25,
            "Fa: weight of windows, which overlap and are not independent. A second of speech has"
            " the weight of VBx's own recipes: 1.25 for windows every 0.75 s, 0.4 every 0.24 s",
            exclusiveMinimum=0,
        )
        speaker_scale: float = setting(
            17.0, "Fb: higher values give fewer speakers", exclusiveMinimum=0
        )
        loop_probability: Share = setting(
            0.99, "of the speaker of the window before; lower for windows that are farther apart"
        )
        max_iters: Count = setting(40)

    def labels(self, x_ND, plda=None, num_speakers=None):
        return self.posteriors(x_ND, plda, num_speakers).argmax(axis=1)

    def posteriors(
        self, x_ND: np.ndarray, plda: Plda | None = None, num_speakers: int | None = None
    ) -> np.ndarray:
        """Of the speakers of each window, float (N, S); parameters as of `labels`."""
        config, plda = self.config, need_plda("vbx", plda)
        if len(x_ND) == 0:
            return np.ones((0, 1))
        start = Ahc.Config(
            threshold=config.threshold,
            bias=config.bias,
            centre=config.centre,
            max_windows_per_pass=MOST_PER_PASS,
        )
        label_N = Ahc(start).labels(x_ND, plda, num_speakers)
        one_hot_NS = np.eye(label_N.max())[label_N - 1]
        u_ND = plda.transform(x_ND, normalize_length=config.normalize_length)
        dim = config.plda_dim or plda.dim
        model = VbConfig(
            acoustic_scale=config.acoustic_scale,
            speaker_scale=config.speaker_scale,
            loop_probability=config.loop_probability,
            max_iters=config.max_iters,
        )
        result = vb_hmm(
            u_ND[:, :dim],
            plda.psi_D[:dim],
            softmax(one_hot_NS * config.smoothing, axis=1),
            model,
            keep_all=num_speakers is not None,
        )
        return result.posterior_NS
