"""DOVER-Lap: votes that a reader can count, and what does not change them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.diarization.dover_lap import dover_lap, system_weights
from steps_py.diarization.turns import Turn, merge_turns
from steps_py.errors import ScoreError


def turns(*spans):
    return [Turn("r", *span) for span in spans]


A = turns((0.0, 4.0, "a"), (4.0, 8.0, "b"))


def times(answer):
    return [(turn.start_sec, turn.end_sec, turn.speaker) for turn in answer]


def test_systems_that_agree_are_the_answer_whatever_their_names():
    other = turns((0.0, 4.0, "y"), (4.0, 8.0, "x"))
    assert times(dover_lap([A, other, A])) == [(0.0, 4.0, "r-1"), (4.0, 8.0, "r-2")]


def test_two_of_three_decide_on_the_change():
    late = turns((0.0, 5.0, "a"), (5.0, 8.0, "b"))
    assert times(dover_lap([late, A, late])) == [(0.0, 5.0, "r-1"), (5.0, 8.0, "r-2")]


def test_overlap_that_two_of_three_find_is_kept_and_that_of_one_is_not():
    both = turns((0.0, 5.0, "a"), (4.0, 8.0, "b"))
    assert times(dover_lap([both, A, both])) == [(0.0, 5.0, "r-1"), (4.0, 8.0, "r-2")]
    assert times(dover_lap([A, both, A])) == times(dover_lap([A]))


def test_a_third_speaker_of_one_system_is_lost():
    extra = turns((0.0, 4.0, "a"), (4.0, 7.0, "b"), (7.0, 8.0, "c"))
    assert times(dover_lap([A, extra, A])) == times(dover_lap([A]))


def test_silence_wins_where_most_are_silent():
    short = turns((0.0, 4.0, "a"))
    assert times(dover_lap([short, A, short])) == [(0.0, 4.0, "r-1")]
    assert dover_lap([[], []]) == []
    assert dover_lap([[], A, []]) == []


def test_the_system_nearest_to_the_others_weighs_most():
    late, far = turns((0.0, 5.0, "a"), (5.0, 8.0, "b")), turns((0.0, 8.0, "a"))
    weight_K = system_weights([A, late, far])
    assert weight_K.sum() == pytest.approx(1)
    assert weight_K.argmin() == 2
    assert system_weights([A, A]).tolist() == [0.5, 0.5]
    # the ranks of three systems: 1, 2 ** -0.1 and 3 ** -0.1, to their sum
    assert max(weight_K) == pytest.approx(1 / (1 + 2**-0.1 + 3**-0.1))


def test_recordings_do_not_touch_each_other():
    other = [turn._replace(recording="s") for turn in A]
    joined = dover_lap([[*A, *other], [*other, *A]])
    assert [turn.speaker for turn in joined] == ["r-1", "r-2", "s-1", "s-2"]


def test_no_system_is_an_error():
    with pytest.raises(ScoreError, match="there is no system"):
        dover_lap([])


span = st.tuples(st.integers(0, 30), st.integers(1, 10), st.sampled_from("abc"))
answer = st.lists(span, max_size=6).map(
    lambda found: merge_turns(turns(*((b / 2, (b + n) / 2, s) for b, n, s in found)))
)


@settings(max_examples=60, deadline=None)
@given(answer, st.permutations("xyz"))
def test_one_system_is_itself_and_names_do_not_matter(found, names):
    renamed = [t._replace(speaker=dict(zip("abc", names, strict=True))[t.speaker]) for t in found]
    fused = dover_lap([found, renamed, found])

    def activity(answer):
        steps = np.arange(0.25, 25, 0.5)
        rows = {
            speaker: tuple(
                any(t.start_sec < s < t.end_sec for t in answer if t.speaker == speaker)
                for s in steps
            )
            for speaker in {t.speaker for t in answer}
        }
        return sorted(rows.values())

    assert activity(fused) == activity(found)
