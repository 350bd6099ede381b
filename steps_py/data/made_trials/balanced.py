"""Balanced: as many trials of each gender, and a fixed ratio of nontarget to target trials."""

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


@MAKERS.register("balanced")
class Balanced(Maker):
    """Distinct trials drawn by seed; each gender has the same number of each kind.

    Nontarget trials are of two speakers of one gender.  Without `within_gender` genders are
    ignored, and the numbers are those of all trials.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        num_targets: Count = setting(description="target trials of each gender")
        nontargets_per_target: Count = setting(1, "nontarget trials for each target trial")
        within_gender: bool = setting(True, "balance the genders")
        seed: int = setting(0, "seed of the draws")

    def needs_genders(self) -> bool:
        return self.config.within_gender

    def expected(self, num_enroll, num_test, is_one_set):
        number = self.config.num_targets * (1 + self.config.nontargets_per_target)
        return 2 * number if self.config.within_gender else number

    def pairs(self, sides: "Sides") -> Iterator[tuple[int, np.ndarray]]:
        places_of = {}
        for e in range(len(sides.enroll)):
            places_of.setdefault(sides.gender(e), []).append(e)
        if self.config.within_gender and len(places_of) < 2:
            raise ConfigError(
                f"the enrolments are all of one gender ({''.join(places_of)}). Set within_gender:"
                " false, or name a set with both."
            )
        for gender, places in sorted(places_of.items()):
            yield from self._pairs_of_gender(sides, gender, places)

    def _pairs_of_gender(self, sides, gender, places):
        chosen, num_targets = {}, self.config.num_targets
        num_nontargets = num_targets * self.config.nontargets_per_target
        kinds = (
            ("target", num_targets, lambda e: sides.targets(e).size),
            ("nontarget", num_nontargets, sides.num_nontargets),
        )
        for kind, number, count in kinds:
            ends = np.cumsum([count(e) for e in places])
            total = int(ends[-1])
            if total < number:
                among = f" of gender '{gender}'" if gender else ""
                raise ConfigError(
                    f"there are {total} {kind} trials{among}, {number} are wanted. Make"
                    " num_targets or nontargets_per_target smaller."
                )
            drawn = draw(generator(self.config.seed, "balanced", gender, kind), number, total)
            row = np.searchsorted(ends, drawn, side="right")
            begin = np.concatenate([[0], ends[:-1]])[row]
            cuts = np.flatnonzero(np.diff(row)) + 1
            for rows, picks in zip(np.split(row, cuts), np.split(drawn - begin, cuts), strict=True):
                e = places[rows[0]]
                get = sides.targets(e).take if kind == "target" else self._nontargets(sides, e)
                chosen.setdefault(e, []).append(get(picks))
        for e in sorted(chosen):
            yield e, np.sort(np.concatenate(chosen[e]))

    def _nontargets(self, sides, e):
        return lambda picks: sides.nontargets(e, picks)
