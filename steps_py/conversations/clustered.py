"""A recording whose windows have speakers: what steps after the clustering read.

Shape suffixes (scope: this module):
    N = windows of the recording   D = dimension of x-vectors   S = speakers
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from steps_py.backend.plda import Plda
from steps_py.diarization.clusterers.base import need_plda
from steps_py.diarization.turns import Turn
from steps_py.diarization.vb_hmm import VbConfig, vb_hmm

Stretch = tuple[float, float]  # begin and end in s


@dataclass(frozen=True)
class Clustered:
    """A recording with its turns.

    Attributes
    ----------
    turns : sequence of Turn
        At least one.
    windows : sequence of (begin, end) in s
    x_ND : float array of shape (N, D)
        Their x-vectors.
    plda : Plda or None
    """

    turns: Sequence[Turn]
    windows: Sequence[Stretch]
    x_ND: np.ndarray
    plda: Plda | None = None

    @property
    def speakers(self) -> list[str]:
        """In the order in which they begin."""
        return list(dict.fromkeys(turn.speaker for turn in sorted(self.turns)))

    def rows(self) -> np.ndarray:
        """For each window the number of the speaker who speaks most in it, int (N,).

        A window in which nobody speaks has the speaker of the nearest turn.
        """
        places = {speaker: row for row, speaker in enumerate(self.speakers)}
        start_R, end_R = np.array([turn[1:3] for turn in self.turns], float).T
        row_R = np.array([places[turn.speaker] for turn in self.turns])
        row_N = []
        for begin, end in self.windows:
            common_R = np.minimum(end, end_R) - np.maximum(begin, start_R)  # negative: distances
            sec_S = np.bincount(row_R, np.maximum(common_R, 0), minlength=len(places))
            row_N.append(sec_S.argmax() if sec_S.any() else row_R[common_R.argmax()])
        return np.array(row_N, int)

    def near(self, begin: float, end: float) -> np.ndarray:
        """Numbers of the windows that overlap a stretch; of the nearest one if none does."""
        start_N, end_N = np.array(self.windows, float).T
        common_N = np.minimum(end, end_N) - np.maximum(begin, start_N)
        found = np.flatnonzero(common_N > 0)
        return found if len(found) else np.array([common_N.argmax()])


def vb_posteriors(clustered: Clustered, config: VbConfig, smoothing: float, where: str):
    """Posteriors of the speakers of each window by a Bayesian HMM, float (N, S).

    It starts from the speakers of the turns, and keeps all of them.
    """
    plda = need_plda(where, clustered.plda)
    start_NS = np.eye(len(clustered.speakers))[clustered.rows()]
    u_ND = plda.transform(clustered.x_ND)
    start_NS = softmax(start_NS * smoothing, axis=1)
    return vb_hmm(u_ND, plda.psi_D, start_NS, config, keep_all=True).posterior_NS
