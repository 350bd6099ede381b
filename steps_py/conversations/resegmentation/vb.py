"""Variational Bayes over windows, with speakers that are given."""

from dataclasses import dataclass

from steps_py.conversations.clustered import vb_posteriors
from steps_py.conversations.resegmentation.base import RESEGMENTATIONS, Resegmentation
from steps_py.diarization.vb_hmm import VbConfig
from steps_py.settings.declare import Count, Share, setting


@RESEGMENTATIONS.register("vb")
class VbResegmentation(Resegmentation):
    """A Bayesian hidden Markov model of x-vectors, started from any clustering; needs a PLDA.

    The model is that of clusterer ``vbx``, but all speakers stay, and a few iterations move the
    changes between them.  Windows that follow each other more closely (``windows.shift_sec: 0.25``)
    give finer changes.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        acoustic_scale: float = setting(0.3, "Fa, as of clusterer vbx", exclusiveMinimum=0)
        speaker_scale: float = setting(1.0, "Fb, as of clusterer vbx", exclusiveMinimum=0)
        loop_probability: Share = setting(0.9, "of the speaker of the window before")
        smoothing: float = setting(5.0, "as of clusterer vbx", minimum=0)
        max_iters: Count = setting(1)

    def rows(self, clustered):
        config = self.config
        model = VbConfig(
            acoustic_scale=config.acoustic_scale,
            speaker_scale=config.speaker_scale,
            loop_probability=config.loop_probability,
            max_iters=config.max_iters,
        )
        return vb_posteriors(clustered, model, config.smoothing, "vb").argmax(axis=1)
