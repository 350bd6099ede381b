"""Segments of recordings: cut at whole samples; stretches of one speaker."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from steps_py.data.segments import single_speaker

SEGMENTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.integers(0, 20)), max_size=8
)


@given(SEGMENTS)
def test_a_stretch_is_where_one_speaker_is_active_and_nobody_else(segments):
    """Counted second by second."""
    spoken = [
        {spk for spk, begin, end in segments if begin <= second < end} for second in range(20)
    ]
    stretches = single_speaker(segments)
    alone = {s: spk for spk, begin, end in stretches for s in range(begin, end)}
    assert alone == {s: min(who) for s, who in enumerate(spoken) if len(who) == 1}
    assert stretches == sorted(stretches, key=lambda s: s[1])
    touching = itertools.pairwise(stretches)
    assert all(a[2] < b[1] or a[0] != b[0] for a, b in touching), "as long as can be"
