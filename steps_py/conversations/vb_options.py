"""Options of a Bayesian hidden Markov model that starts from the speakers of given turns."""

from dataclasses import dataclass

import numpy as np

from steps_py.conversations.clustered import Clustered, vb_posteriors
from steps_py.diarization.vb_hmm import VbConfig
from steps_py.settings.declare import Count, Share, setting


@dataclass(frozen=True, kw_only=True)
class VbOptions:
    """Base of the configs of such steps, which set their own defaults."""

    acoustic_scale: float = setting(0.3, "Fa, as of clusterer vbx", exclusiveMinimum=0)
    speaker_scale: float = setting(17.0, "Fb, as of clusterer vbx", exclusiveMinimum=0)
    loop_probability: Share = setting(0.9, "of the speaker of the window before")
    smoothing: float = setting(5.0, "as of clusterer vbx", minimum=0)
    max_iters: Count = setting(10)

    def posteriors(self, clustered: Clustered) -> np.ndarray:
        """Of the speakers of each window, float of shape (windows, speakers); needs a PLDA."""
        model = VbConfig(
            acoustic_scale=self.acoustic_scale,
            speaker_scale=self.speaker_scale,
            loop_probability=self.loop_probability,
            max_iters=self.max_iters,
        )
        return vb_posteriors(clustered, model, self.smoothing, "vb")
