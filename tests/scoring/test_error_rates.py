"""EER and minDCF by hand, on ties, and Kaldi's EER without interpolation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.errors import ScoreError
from steps_py.scoring.error_rates import eer, error_rates, kaldi_eer, min_dcf

scores = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


@pytest.mark.parametrize(
    "target, nontarget, expected",
    [
        ([2, 3], [0, 1], 0.0),  # perfect
        ([0, 1], [2, 3], 1.0),  # perfectly wrong
        ([1, 1, 1], [1, 1], 0.5),  # no information: all scores tie
        ([1, 2, 3, 4], [0, 1.5, 0, 0], 0.25),  # one of four wrong on each side
        ([0, 2], [1], 0.5),  # p_miss 1/2 with p_fa 1, then 0: the line passes (1/2, 1/2)
    ],
)
def test_eer_by_hand(target, nontarget, expected):
    assert eer(target, nontarget) == pytest.approx(expected)


def test_error_rates_by_hand():
    # thresholds below all, above 0, above 1, above 2
    p_miss, p_fa = error_rates([1, 2], [0, 1])
    np.testing.assert_array_equal(p_miss, [0, 0, 0.5, 1])
    np.testing.assert_array_equal(p_fa, [1, 0.5, 0, 0])


@given(scores, scores)
def test_error_rates_count_scores_below_and_above_each_threshold(target, nontarget):
    p_miss, p_fa = error_rates(target, nontarget)
    for i, threshold in enumerate([-np.inf, *sorted({*target, *nontarget})]):
        assert p_miss[i] == np.mean(np.array(target) <= threshold)
        assert p_fa[i] == pytest.approx(np.mean(np.array(nontarget) > threshold))


@given(scores, scores)
def test_eer_is_between_zero_and_one_and_turns_with_the_scores(target, nontarget):
    rate = eer(target, nontarget)
    assert 0 <= rate <= 1
    turned = eer([-s for s in nontarget], [-s for s in target])
    assert turned == pytest.approx(rate)


def test_order_of_tied_trials_does_not_matter():
    rng = np.random.default_rng(0)
    t, n = rng.integers(0, 5, 200) + 1, rng.integers(0, 5, 500)
    assert eer(t, n) == eer(rng.permutation(t), rng.permutation(n))
    assert min_dcf(t, n, 0.01) == min_dcf(rng.permutation(t), rng.permutation(n), 0.01)


@given(scores, scores, st.sampled_from([0.001, 0.01, 0.5, 0.99]))
def test_min_dcf_never_exceeds_the_trivial_system(target, nontarget, p_target):
    assert 0 <= min_dcf(target, nontarget, p_target) <= 1


def test_min_dcf_of_a_reversed_system_is_one():
    assert min_dcf([0], [1], p_target=0.01) == 1.0
    assert min_dcf([0], [1], p_target=0.99) == 1.0  # accept-all is a threshold too


def test_min_dcf_by_hand():
    # p_target 0.1: rejecting below 2 costs 1/2 miss * 0.1 = 0.05; below 1, 1/4 fa * 0.9 = 0.225.
    # The trivial system costs 0.1.
    assert min_dcf([1, 3], [0, 0, 0, 2], p_target=0.1) == pytest.approx(0.5)
    # with misses ten times as dear: 0.5 against 0.225, over min(1, 0.9)
    assert min_dcf([1, 3], [0, 0, 0, 2], 0.1, c_miss=10) == pytest.approx(0.25)


@pytest.mark.parametrize("monotone", [np.exp, lambda s: 3 * s - 7])
def test_metrics_depend_on_ranks_only(monotone):
    rng = np.random.default_rng(1)
    t, n = rng.normal(2, 1, 100), rng.normal(0, 1, 300)
    assert eer(monotone(t), monotone(n)) == eer(t, n)
    assert min_dcf(monotone(t), monotone(n), 0.01) == min_dcf(t, n, 0.01)


def test_eer_of_two_gaussians_is_known():
    # distance 2 between unit variances: each error is Phi(-1) = 0.158655
    rng = np.random.default_rng(2)
    t, n = rng.normal(2, 1, 100_000), rng.normal(0, 1, 100_000)
    assert eer(t, n) == pytest.approx(0.158655, abs=0.003)


@pytest.mark.parametrize(
    "target, nontarget, message",
    [
        ([1.0], [], "no nontarget trial"),
        ([], [1.0], "no target trial"),
        ([1.0, np.nan], [1.0], "1 of 2 target scores are nan"),
    ],
)
def test_unusable_scores_are_refused(target, nontarget, message):
    with pytest.raises(ScoreError, match=message):
        eer(target, nontarget)


@pytest.mark.parametrize("costs", [(0.0, 1, 1), (1.0, 1, 1), (0.1, 0, 1), (0.1, 1, -1)])
def test_costs_that_make_no_sense_are_refused(costs):
    with pytest.raises(ScoreError, match="p_target must lie between 0 and 1"):
        min_dcf([1.0], [0.0], *costs)


# Kaldi's EER


def kaldi_loop(target, nontarget):
    """src/ivectorbin/compute-eer.cc in words: walk up the targets, down the nontargets."""
    target, nontarget = sorted(target), sorted(nontarget)
    position = 0
    while position + 1 < len(target):
        mirrored = len(nontarget) - 1 - int(len(nontarget) * position / len(target))
        if nontarget[max(mirrored, 0)] < target[position]:
            break
        position += 1
    return position / len(target), target[position]


@given(scores, scores)
def test_kaldi_eer_is_found_where_kaldi_finds_it(target, nontarget):
    rate, threshold = kaldi_eer(target, nontarget)
    expected = kaldi_loop(target, nontarget)
    assert (rate, threshold) == (pytest.approx(expected[0]), expected[1])


@pytest.mark.parametrize(
    "target, nontarget, expected",
    [
        ([1, 2, 3, 4], [0, 0, 0, 1.5], (0.25, 2)),
        ([0, 1], [2, 3], (0.5, 1)),  # perfectly wrong: the last target ends the search
        ([1], [5], (0.0, 1)),  # one target: there is nothing to search
    ],
)
def test_kaldi_eer_at_the_edges(target, nontarget, expected):
    assert kaldi_eer(target, nontarget) == expected


def test_both_eers_agree_on_a_usual_test():
    rng = np.random.default_rng(3)
    t, n = rng.normal(3, 1, 1000), rng.normal(0, 1, 20_000)
    assert kaldi_eer(t, n)[0] == pytest.approx(eer(t, n), abs=0.002)
