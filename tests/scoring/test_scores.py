"""Trials and scores belong together, pair by pair, or not at all."""

import pytest

from steps_py.errors import ScoreError
from steps_py.scoring.scores import join_scores, read_scores, read_trials


@pytest.fixture
def trials(tmp_path):
    path = tmp_path / "trials"
    path.write_text("a b target\na c nontarget\nb c nontarget\nc d target\n")
    return path


def scores(tmp_path, text):
    path = tmp_path / "plda" / "trials"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_scores_are_joined_by_key_whatever_their_order(tmp_path, trials):
    path = scores(tmp_path, "c d 4\nb c 3\na c 2\na b 1\n")
    joined = join_scores(read_trials(trials), read_scores(path), path)
    assert list(joined.score) == [1, 2, 3, 4]
    assert list(joined.target) == [True, False, False, True]


def test_a_trial_without_a_score_is_refused_by_name(tmp_path, trials):
    path = scores(tmp_path, "a b 1\nb c 3\na c 2\n")
    with pytest.raises(ScoreError, match=r"1 of 4 trials have no score \(c d\)"):
        join_scores(read_trials(trials), read_scores(path), path)


def test_many_lost_trials_are_counted_and_three_named(tmp_path):
    path = tmp_path / "trials"
    path.write_text("".join(f"a{i} b target\n" for i in range(9)))
    with pytest.raises(ScoreError, match=r"8 of 9 .*\(a1 b, a2 b, a3 b and 5 more\)"):
        join_scores(read_trials(path), read_scores(scores(tmp_path, "a0 b 1\n")), "x")


@pytest.mark.parametrize(
    "text, words",
    [
        ("a b tgt\n", r":1: label is 'tgt', expected 'target' or 'nontarget'"),
        ("a b\n", ":1: expected '<enroll> <test> <label>', got 'a b'"),
        ("", "no line in it"),
    ],
)
def test_a_bad_trial_list_is_refused_with_its_line(tmp_path, text, words):
    path = tmp_path / "trials"
    path.write_text(text)
    with pytest.raises(ScoreError, match=words):
        read_trials(path)


def test_a_score_that_is_no_number_is_refused(tmp_path):
    with pytest.raises(ScoreError, match=":2: score is 'x', expected a number"):
        read_scores(scores(tmp_path, "a b 1\na c x\n"))


def test_two_scores_of_one_pair_are_refused_and_a_repeated_line_is_not(tmp_path):
    path = scores(tmp_path, "a b 1\na c 2\na b 1\n")
    assert len(read_scores(path)) == 2
    with pytest.raises(ScoreError, match=r"1 pairs have two scores \(a b\)"):
        read_scores(scores(tmp_path, "a b 1\na b 2\n"))


def test_a_pair_that_a_list_has_twice_counts_twice(tmp_path):
    path = tmp_path / "trials"
    path.write_text("a b target\na b target\na c nontarget\n")
    joined = join_scores(read_trials(path), read_scores(scores(tmp_path, "a b 1\na c 2\n")), "x")
    assert list(joined.score) == [1, 1, 2]
