"""Trials and scores belong together, pair by pair, or not at all."""

import re

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


@pytest.mark.parametrize("text", ["x", "nan", "inf", "-inf", "1e999", "1_0", "0x1p3", "1,5", "--1"])
def test_a_score_that_is_no_finite_number_is_refused_with_its_trial(tmp_path, text):
    said = re.escape(f":2: score is '{text}', expected a finite number (trial a c)")
    with pytest.raises(ScoreError, match=said):
        read_scores(scores(tmp_path, f"a b 1\na c {text}\n"))


@pytest.mark.parametrize("line", ["a c", "a c 2 3", "a c 2 target", "", "a\u00a0c 2 5"])
def test_a_line_of_more_or_fewer_fields_is_refused(tmp_path, line):
    with pytest.raises(ScoreError, match=":2: expected '<enroll> <test> <score>'"):
        read_scores(scores(tmp_path, f"a b 1\n{line}\nb c 3\n"))


def test_two_scores_of_one_pair_are_refused(tmp_path):
    with pytest.raises(ScoreError, match=r"1 pairs have two scores \(a b\)"):
        read_scores(scores(tmp_path, "a b 1\nc d 4\na b 2\na b 2\n"))


def test_a_score_of_no_trial_is_refused_by_name(tmp_path, trials):
    path = scores(tmp_path, "a b 1\nx y 9\na c 2\nb c 3\nc d 4\n")
    with pytest.raises(ScoreError, match=r"1 of 5 scores are of no trial of the list \(x y\)"):
        join_scores(read_trials(trials), read_scores(path), path)


def test_a_score_file_that_is_doubled_or_cut_is_refused(tmp_path, trials):
    text = "a b 1\na c 2\nb c 3\nc d 4.25\n"
    for damaged, said in [
        (text + text, "4 of 4 trials have more lines than in the list"),
        (text + "a b 1\n", r"1 of 4 trials have more lines than in the list \(a b\)"),
        (text[:18], r"1 of 4 trials have no score \(c d\)"),
        (text[:22], "expected '<enroll> <test> <score>'"),
        ("", "no line in it"),
    ]:
        path = scores(tmp_path, damaged)
        with pytest.raises(ScoreError, match=said):
            join_scores(read_trials(trials), read_scores(path), path)


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path):
    path = tmp_path / "trials"
    path.write_bytes(b"a b 1\na \xffc 2\n")
    with pytest.raises(ScoreError, match=r"trials:2: not UTF-8"):
        read_scores(path)


def test_a_pair_of_both_labels_is_refused(tmp_path):
    path = tmp_path / "trials"
    path.write_text("a b target\na c nontarget\na b nontarget\n")
    with pytest.raises(ScoreError, match=r"1 pairs are both target and nontarget \(a b\)"):
        read_trials(path)


@pytest.mark.parametrize("text", ["a b 1\na c 2\n", "a b 1\na b 1\na c 2\n"])
def test_a_pair_that_a_list_has_twice_counts_twice(tmp_path, text):
    path = tmp_path / "trials"
    path.write_text("a b target\na b target\na c nontarget\n")
    joined = join_scores(read_trials(path), read_scores(scores(tmp_path, text)), "x")
    assert list(joined.score) == [1, 1, 2]
    with pytest.raises(ScoreError, match="have more lines than in the list"):
        join_scores(read_trials(path), read_scores(scores(tmp_path, 2 * "a b 1\na c 2\n")), "x")


def test_files_are_read_piece_by_piece_as_at_once(tmp_path, monkeypatch):
    trials, text = tmp_path / "trials", "c d 4\na b 1.5\na c 2\nb c -3e-1"
    trials.write_text("a b target\na c nontarget\nb c nontarget\nc d target\n")
    for size in (1, 8, 1000):
        monkeypatch.setattr("steps_py.data.pair_lines.BLOCK_BYTES", size)
        path = scores(tmp_path, text)
        joined = join_scores(read_trials(trials), read_scores(path), path)
        assert list(joined.score) == [1.5, 2, -0.3, 4]
        with pytest.raises(ScoreError, match=r":3: score is 'x', .*\(trial a c\)"):
            read_scores(scores(tmp_path, text.replace("2", "x")))
