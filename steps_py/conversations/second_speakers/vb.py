"""The second-best speaker by the posteriors of VBx."""

import numpy as np

from steps_py.conversations.second_speakers.base import SECOND_SPEAKERS, SecondSpeaker
from steps_py.conversations.vb_options import VbOptions
from steps_py.diarization.vb_hmm import second_speakers


@SECOND_SPEAKERS.register("vb")
class Vb(SecondSpeaker):
    """The second most probable speaker of a Bayesian HMM, as VBx has it; needs a PLDA.

    The model starts from the speakers of the turns, whatever clustering they are from.
    """

    Config = VbOptions

    def of(self, clustered):
        posterior_NS = self.config.posteriors(clustered)
        speakers = clustered.speakers

        def choose(begin, end, speaker):
            mean_S = posterior_NS[clustered.near(begin, end)].mean(axis=0)
            mean_S[speakers.index(speaker)] = np.inf  # the first one is given
            return speakers[second_speakers(mean_S[np.newaxis])[0]]

        return choose
