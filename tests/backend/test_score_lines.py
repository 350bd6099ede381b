"""Score lines: read and written in bulk, and joined with labels."""

import io

import numpy as np
import pytest

from steps_py.backend.score_lines import (
    in_order_of,
    read_labels,
    read_score_lines,
    write_scored_pairs,
)
from steps_py.errors import ScoreError


def read(text):
    return read_score_lines(io.BytesIO(text.encode()), "dev")


def test_what_is_written_is_read_again():
    pairs = read("a b 0.123456789\nb a -1e-07\na c 3")
    out = io.BytesIO()
    write_scored_pairs(out, pairs)
    assert out.getvalue().decode() == "a b 0.123456789\nb a -1e-07\na c 3\n"


@pytest.mark.parametrize(
    "text, words",
    [
        ("a b 1\na c inf\n", r"dev:2: score is 'inf', expected a finite number \(trial a c\)"),
        ("a b nan\n", r"score is 'nan'"),
        ("a b 1\na b\n", "dev:2: expected '<enroll> <test> <score>', got 'a b'"),
        ("a b x\n", "dev:1: score is 'x', expected a finite number"),
        ("", "dev: no line in it"),
    ],
)
def test_lines_that_hold_no_finite_score_are_refused_by_their_trial(text, words):
    with pytest.raises(ScoreError, match=words):
        read(text)


def test_scores_are_joined_by_pair_whatever_their_order():
    first, other = read("a b 1\nc d 2\n"), read("c d 20\na b 10\n")
    assert in_order_of(other, first).tolist() == [10, 20]
    with pytest.raises(ScoreError, match="the trial c d has no score"):
        in_order_of(read("a b 1\n"), first)


def test_labels_are_those_of_the_pairs(tmp_path):
    (tmp_path / "dev").write_text("c d target\na b nontarget\n")
    np.testing.assert_array_equal(read_labels(tmp_path / "dev", read("a b 1\nc d 2\n")), [0, 1])
