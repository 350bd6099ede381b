"""All pairs: each enrolment against each test utterance."""

from dataclasses import dataclass

import numpy as np

from steps_py.data.made_trials.base import MAKERS, Maker
from steps_py.settings.declare import setting


@MAKERS.register("all_pairs")
class AllPairs(Maker):
    """Each enrolment with each test utterance but its own; within one set, each pair once."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        within_gender: bool = setting(False, "only pairs of speakers of one gender")

    def needs_genders(self):
        return self.config.within_gender

    def pairs(self, sides):
        for e in range(len(sides.enroll)):
            yield e, np.sort(np.concatenate([sides.targets(e), sides.nontargets(e)]))
