"""The contract of classes that make trial lists, and the two sides that they pair.

MAKERS  ``cls(config)`` with a frozen dataclass ``Config``; ``needs_genders(config)``; and
        ``pairs(sides)``, which yields, for one enrolment after the other, its place and the places
        of its test utterances in ascending order.  Which trials are made follows from the names of
        the sides and the config alone.  Lists can be longer than memory: nothing is kept.

Shape suffixes (scope: this package):
    E = enrolments   T = test utterances   P = pairs of one enrolment
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from steps_py.errors import ConfigError, some
from steps_py.registry import Registry

MAKERS = Registry("maker of trials", home="steps_py.data.made_trials")


class Sides:
    """The enrolments and the test utterances of a list that is being made.

    Test utterances are ordered by gender and speaker, so that those of one speaker, and those of
    one gender, are slices.

    Parameters
    ----------
    enroll, test : mapping of str to str
        Speaker of each enrolment (an utterance, or a model of several) and test utterance.
    utts_of : mapping of str to sequences of str
        The utterances of models; an enrolment that is not in it is an utterance itself.
    genders : mapping of str to str or None
        Gender of each speaker; None: they do not matter.

    Attributes
    ----------
    enroll, test : list of str
        Names, in the order of the pairs.
    is_one_set : bool
        Both sides are the same utterances: of a pair and its mirror image, one is a trial.

    Examples
    --------
    >>> spk = {"a1": "a", "a2": "a", "b1": "b"}
    >>> sides = Sides(spk, spk)
    >>> [sides.targets(e).tolist() for e in range(3)], sides.nontargets(0).tolist()
    ([[1], [], []], [2])
    """

    def __init__(
        self,
        enroll: Mapping[str, str],
        test: Mapping[str, str],
        utts_of: Mapping[str, Sequence[str]] | None = None,
        genders: Mapping[str, str] | None = None,
    ):
        self.genders = genders
        if genders is not None:
            unknown = sorted({*enroll.values(), *test.values()} - genders.keys())
            if unknown:
                raise ConfigError(
                    f"the gender of {len(unknown)} speakers is not known ({some(unknown)})."
                    " Name a file of lines `<speaker> f|m` as `genders` of the list's `make`."
                )
        self.is_one_set = enroll.keys() == test.keys() and not utts_of
        self.enroll, self.test = self._sorted(enroll), self._sorted(test)
        spks_T = [test[utt] for utt in self.test]
        self._blocks = _slices(spks_T)
        self._groups = _slices([self._gender(spk) for spk in spks_T])
        self._spk_of = [enroll[name] for name in self.enroll]
        place_of = {utt: place for place, utt in enumerate(self.test)}
        own = ((utts_of or {}).get(name, (name,)) for name in self.enroll)
        self._own = [[place_of[utt] for utt in utts if utt in place_of] for utts in own]

    def _sorted(self, spk_of):
        return sorted(spk_of, key=lambda name: (self._gender(spk_of[name]), spk_of[name], name))

    def _gender(self, spk):
        return self.genders[spk] if self.genders is not None else ""

    def gender(self, e: int) -> str:
        """The gender of an enrolment; empty if genders do not matter."""
        return self._gender(self._spk_of[e])

    def targets(self, e: int, each_once: bool = True) -> np.ndarray:
        """Places of the test utterances of the enrolment's speaker, without its own; int (P,).

        With `each_once`, of a pair and its mirror image only one.
        """
        begin, end = self._blocks.get(self._spk_of[e], (0, 0))
        if each_once and self.is_one_set:
            begin = e + 1
        places = np.arange(begin, end)
        return places[~np.isin(places, self._own[e])]

    def _ranges(self, e, each_once):
        """Slices of the test utterances of other speakers: of the same gender, if it matters."""
        first, last = self._groups.get(self.gender(e), (0, 0))
        begin, end = self._blocks.get(self._spk_of[e], (last, last))
        before = 0 if each_once and self.is_one_set else begin - first
        return first, before, end, last - end

    def num_nontargets(self, e: int, each_once: bool = True) -> int:
        """The number of `nontargets`."""
        _, before, _, after = self._ranges(e, each_once)
        return before + after

    def nontargets(
        self, e: int, chosen_P: np.ndarray | None = None, each_once: bool = True
    ) -> np.ndarray:
        """Places of the test utterances of other speakers, or of those at `chosen_P`; int (P,)."""
        first, before, second, after = self._ranges(e, each_once)
        if chosen_P is None:
            chosen_P = np.arange(before + after)
        return np.where(chosen_P < before, first + chosen_P, second + chosen_P - before)


class Maker:
    """Base of all makers of trials."""

    def __init__(self, config):
        self.config = config

    def needs_genders(self) -> bool:
        """Whether `pairs` uses the genders of speakers."""
        return False

    def expected(self, num_enroll: int, num_test: int, is_one_set: bool) -> int:
        """About how many trials sides of these sizes give, for planning."""
        raise NotImplementedError

    def pairs(self, sides: Sides) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (place of an enrolment, places of its test utterances), in ascending order.

        Raises ConfigError if the sides have too few utterances.
        """
        raise NotImplementedError


def draw(rng: np.random.Generator, number: int, total: int) -> np.ndarray:
    """`number` distinct whole numbers below `total`, ascending; int64 (number,)."""
    return np.sort(rng.choice(total, number, replace=False, shuffle=False))


def _slices(names):
    """name -> (first, one behind the last) of its places; equal names are side by side."""
    slices = {}
    for place, name in enumerate(names):
        slices[name] = slices.get(name, (place,))[0], place + 1
    return slices
