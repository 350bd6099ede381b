"""The second-best speaker by the posteriors of VBx."""

from dataclasses import dataclass

import numpy as np

from steps_py.conversations.clustered import vb_posteriors
from steps_py.conversations.second_speakers.base import SECOND_SPEAKERS, SecondSpeaker
from steps_py.diarization.vb_hmm import VbConfig, second_speakers
from steps_py.settings.declare import Count, Share, setting


@SECOND_SPEAKERS.register("vb")
class Vb(SecondSpeaker):
    """The second most probable speaker of a Bayesian HMM, as VBx has it; needs a PLDA.

    The model starts from the speakers of the turns, whatever clustering they are from.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        acoustic_scale: float = setting(0.3, "Fa, as of clusterer vbx", exclusiveMinimum=0)
        speaker_scale: float = setting(17.0, "Fb, as of clusterer vbx", exclusiveMinimum=0)
        loop_probability: Share = setting(0.9, "of the speaker of the window before")
        smoothing: float = setting(5.0, "as of clusterer vbx", minimum=0)
        max_iters: Count = setting(10)

    def of(self, clustered):
        config = self.config
        model = VbConfig(
            acoustic_scale=config.acoustic_scale,
            speaker_scale=config.speaker_scale,
            loop_probability=config.loop_probability,
            max_iters=config.max_iters,
        )
        posterior_NS = vb_posteriors(clustered, model, config.smoothing, "vb")
        speakers = clustered.speakers

        def choose(begin, end, speaker):
            mean_S = posterior_NS[clustered.near(begin, end)].mean(axis=0)
            mean_S[speakers.index(speaker)] = np.inf  # the first one is given
            return speakers[second_speakers(mean_S[np.newaxis])[0]]

        return choose
