"""One versus 99: each enrolment against one utterance of its speaker and 99 of others.

Reference: Li et al., "Deep Speaker: an End-to-End Neural Speaker Embedding System", 2017,
arXiv:1705.02304, which evaluates so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steps_py.data.made_trials.base import MAKERS, Maker, draw
from steps_py.draws import generator
from steps_py.errors import ConfigError
from steps_py.settings.declare import Count, setting

if TYPE_CHECKING:
    from steps_py.data.made_trials.base import Sides


@MAKERS.register("one_versus")
class OneVersus(Maker):
    """One target trial and `num_impostors` nontarget trials for each enrolment, drawn by seed.

    The draws of an enrolment follow from its name, so that other enrolments change nothing.
    Enrolments whose speaker has no other test utterance get no trials.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_impostors: Count = setting(99, "test utterances of other speakers")
        within_gender: bool = setting(False, "only impostors of the speaker's gender")
        seed: int = setting(0, "seed of the draws")

    def needs_genders(self) -> bool:
        return self.config.within_gender

    def expected(self, num_enroll, num_test, is_one_set):
        return num_enroll * (1 + self.config.num_impostors)

    def pairs(self, sides: "Sides") -> Iterator[tuple[int, np.ndarray]]:
        number = self.config.num_impostors
        for e, name in enumerate(sides.enroll):
            targets = sides.targets(e, each_once=False)
            if not targets.size:
                continue
            total = sides.num_nontargets(e, each_once=False)
            if total < number:
                raise ConfigError(
                    f"'{name}' has {total} test utterances of other speakers, num_impostors is"
                    f" {number}. Make it smaller, or test on more speakers."
                )
            rng = generator(self.config.seed, "one_versus", name)
            one = targets[rng.integers(targets.size)]
            others = sides.nontargets(e, draw(rng, number, total), each_once=False)
            yield e, np.sort(np.append(others, one))
