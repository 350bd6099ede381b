"""Random numbers by name: reproducible, independent, evenly spread."""

import collections
import itertools

from hypothesis import given
from hypothesis import strategies as st

from steps_py.draws import Draws, generator

B2SUM = "3187e39ca8ab006e796032c992481340"


def test_draws_are_the_same_on_every_machine():
    # blake2b of the names is all there is to them; the first words were worked out with the
    # command line: printf '1\0noise\0utt1\0\0\0\0\0\0\0\0' | b2sum, read as little-endian.
    draws = Draws(1, "noise", "utt1")
    assert draws.word().to_bytes(8, "little").hex() == B2SUM[:16]
    assert draws.word().to_bytes(8, "little").hex() == B2SUM[16:32]


def test_words_do_not_run_out_or_repeat():
    draws = Draws(1, "noise", "utt1")
    assert len({draws.word() for _ in range(1000)}) == 1000


@given(st.integers(0, 2**31), st.text(), st.integers(1, 1000))
def test_numbers_stay_in_their_range(seed, name, number):
    draws = Draws(seed, "kind", name)
    assert 0 <= draws.below(number) < number
    assert 0 <= draws.uniform() < 1
    assert draws.choice("abc") in "abc"


def test_names_do_not_share_numbers_however_alike():
    firsts = [Draws(1, "noise", f"utt{n}").below(10) for n in range(5000)]
    counts = collections.Counter(firsts)
    assert all(400 < counts[digit] < 600 for digit in range(10)), counts
    repeats = sum(a == b for a, b in itertools.pairwise(firsts))
    assert 400 < repeats < 600  # one in ten, as by chance


def test_the_rank_of_a_name_does_not_depend_on_other_names():
    alone = Draws.ranks(1, "noise", ["b"])
    together = Draws.ranks(1, "noise", ["a", "b", "c"])
    assert len(alone) == 8
    assert together[8:16] == alone
    assert Draws.ranks(2, "noise", ["b"]) != alone


def test_generators_of_joined_names_differ():
    assert generator(1, "ab", "c").random() != generator(1, "a", "bc").random()
