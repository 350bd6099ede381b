"""Variational Bayes over windows, with speakers that are given."""

from dataclasses import dataclass

from steps_py.conversations.resegmentation.base import RESEGMENTATIONS, Resegmentation
from steps_py.conversations.vb_options import VbOptions
from steps_py.settings.declare import Count, setting


@RESEGMENTATIONS.register("vb")
class VbResegmentation(Resegmentation):
    """A Bayesian hidden Markov model of x-vectors, started from any clustering; needs a PLDA.

    The model is that of clusterer ``vbx``, but all speakers stay, and a few iterations move the
    changes between them.  Windows that follow each other more closely (``windows.shift_sec: 0.25``)
    give finer changes.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(VbOptions):
        speaker_scale: float = setting(1.0, "Fb, as of clusterer vbx", exclusiveMinimum=0)
        max_iters: Count = setting(1)

    def rows(self, clustered):
        return self.config.posteriors(clustered).argmax(axis=1)
