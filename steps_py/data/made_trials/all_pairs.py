"""All pairs: each enrolment against each test utterance."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.data.made_trials.base import MAKERS, Maker
from steps_py.settings.declare import setting

if TYPE_CHECKING:
    from steps_py.data.made_trials.base import Sides


@MAKERS.register("all_pairs")
class AllPairs(Maker):
    """Each enrolment with each test utterance but its own; within one set, each pair once."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        within_gender: bool = setting(False, "only pairs of speakers of one gender")

    def needs_genders(self) -> bool:
        return self.config.within_gender

    def expected(self, num_enroll, num_test, is_one_set):
        number = num_enroll * (num_enroll - 1) // 2 if is_one_set else num_enroll * num_test
        return number // 2 if self.config.within_gender else number

    def pairs(self, sides: "Sides") -> Iterator[tuple[int, np.ndarray] | None]:
        for e in range(len(sides.enroll)):
            yield e, np.sort(np.concatenate([sides.targets(e), sides.nontargets(e)]))
