"""Sliding-window CMN against a frame-by-frame oracle, and CMVN of utterances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.errors import ConfigError, StepsError
from steps_py.feats.cmvn import (
    apply_cmvn,
    cmvn_stats,
    ignore_dims,
    normalise_rows,
    sliding_cmn,
    sliding_cmn_rows,
    window_bounds,
)


def window_of(t, num_frames, window, min_window, center):
    """The frames that normalise frame t, as Kaldi's manual describes them."""
    start, end = (t - window // 2, t - window // 2 + window) if center else (t - window, t + 1)
    if start < 0:
        start, end = 0, end - start
    if not center:
        end = max(t + 1, min_window)
    if end > num_frames:
        start, end = max(0, start - (end - num_frames)), num_frames
    return range(start, end)


def oracle(x_TD, window, min_window, center, norm_vars):
    """One frame at a time, with numpy's own mean and variance."""
    rows = []
    for t in range(len(x_TD)):
        part = x_TD[list(window_of(t, len(x_TD), window, min_window, center))].astype(float)
        row = x_TD[t] - part.mean(axis=0)
        if norm_vars:
            deviation = np.sqrt(np.maximum(part.var(axis=0), 1e-10))
            row = row / deviation if len(part) > 1 else 0 * row
        rows.append(row)
    return np.array(rows)


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    num_frames, dim = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    x_TD = rng.normal(5, 2, size=(num_frames, dim)).astype(np.float32)
    window = draw(st.integers(1, 80))
    return x_TD, window, draw(st.integers(1, 80)), draw(st.booleans()), draw(st.booleans())


@given(cases())
def test_every_frame_is_normalised_by_its_window(case):
    np.testing.assert_allclose(sliding_cmn(*case), oracle(*case), rtol=1e-4, atol=2e-5)


@given(cases(), st.data())
def test_wanted_rows_are_the_same_to_the_bit(case, data):
    x_TD, *rest = case
    rows = data.draw(st.lists(st.integers(0, len(x_TD) - 1), max_size=10))
    np.testing.assert_array_equal(sliding_cmn_rows(x_TD, rows, *rest), sliding_cmn(*case)[rows])


def test_centred_window_by_hand():
    # window 3 of [0, 3, 6, 15]: frames 0-2 (mean 3) for t = 0 and 1, frames 1-3 (mean 8) after
    x_TD = np.array([[0.0], [3.0], [6.0], [15.0]])
    np.testing.assert_array_equal(sliding_cmn(x_TD, 3).ravel(), [-3, 0, -2, 7])


def test_even_window_has_one_frame_more_before_than_after():
    # window 2: the frame before t and t itself; t = 0 takes frames 0 and 1
    x_TD = np.array([[0.0], [2.0], [6.0]])
    np.testing.assert_array_equal(sliding_cmn(x_TD, 2).ravel(), [-1, 1, 2])


def test_causal_window_by_hand():
    # at least 2 frames at the start, then the frame and the 2 before it
    x_TD = np.array([[0.0], [2.0], [4.0], [9.0]])
    got = sliding_cmn(x_TD, window_frames=2, min_window_frames=2, center=False)
    np.testing.assert_allclose(got.ravel(), [-1, 1, 2, 4])


def test_utterance_shorter_than_the_window_loses_its_mean():
    x_TD = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_allclose(sliding_cmn(x_TD, 300), x_TD - x_TD.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("norm_vars", [True, False])
def test_a_constant_offset_does_not_matter(center, norm_vars):
    x_TD = np.random.default_rng(1).normal(size=(500, 3))
    options = dict(window_frames=100, center=center, norm_vars=norm_vars)
    got = sliding_cmn(x_TD + 1000, **options)
    np.testing.assert_allclose(got, sliding_cmn(x_TD, **options), atol=1e-4)


def test_sums_do_not_drift_over_a_long_recording():
    x_TD = np.random.default_rng(2).normal(1e4, 1, size=(100_000, 1))
    end = x_TD[-300:]
    np.testing.assert_allclose(sliding_cmn(x_TD, 300)[-1], end[-1] - end.mean(axis=0), atol=1e-6)


def test_a_piece_of_an_utterance_is_enough():
    x_TD = np.random.default_rng(3).normal(size=(400, 2)).astype(np.float32)
    rows = np.arange(200, 250)
    start, end = window_bounds(rows, len(x_TD), window_frames=60)
    first = start.min()
    piece_TD = x_TD[first : end.max()]
    got = normalise_rows(piece_TD, rows - first, start - first, end - first)
    np.testing.assert_allclose(got, sliding_cmn(x_TD, 60)[200:250], atol=1e-6)
    assert len(piece_TD) == 50 + 59


def test_floored_variances_are_reported_frame_by_frame():
    x_TD = np.array([[1.0, 0.0], [1.0, 5.0], [1.0, 2.0]])
    seen = []
    y_TD = sliding_cmn(x_TD, 3, norm_vars=True, on_floor=lambda *said: seen.append(said))
    assert seen == [(1, 3)] * 3
    np.testing.assert_array_equal(y_TD[:, 0], 0)
    assert np.isfinite(y_TD).all()


def test_a_single_frame_becomes_zero():
    for norm_vars in (True, False):
        x_TD = np.array([[3.0, -2.0]])
        np.testing.assert_array_equal(sliding_cmn(x_TD, norm_vars=norm_vars), [[0, 0]])


def test_no_frames_give_no_frames():
    assert sliding_cmn(np.zeros((0, 5))).shape == (0, 5)
    assert sliding_cmn_rows(np.ones((4, 5)), []).shape == (0, 5)


def test_an_empty_window_is_refused():
    with pytest.raises(ConfigError, match="window_frames must be >= 1, got 0"):
        sliding_cmn(np.ones((5, 1)), window_frames=0)


# statistics of utterances


def test_statistics_by_hand():
    stats = cmvn_stats(np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(stats, [[4, 6, 2], [10, 20, 0]])


def test_weights_count_frames_partly():
    stats = cmvn_stats(np.array([[1.0], [3.0]]), np.array([0.0, 0.5]))
    np.testing.assert_array_equal(stats, [[1.5, 0.5], [4.5, 0]])


def test_normalised_utterance_has_mean_zero_and_variance_one():
    x_TD = np.random.default_rng(4).normal(3, 7, size=(200, 4)).astype(np.float32)
    y_TD = apply_cmvn(x_TD, cmvn_stats(x_TD), norm_vars=True)
    np.testing.assert_allclose(y_TD.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(y_TD.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("norm_vars", [True, False])
def test_reverse_undoes_the_normalisation(norm_vars):
    x_TD = np.random.default_rng(5).normal(3, 7, size=(50, 4)).astype(np.float32)
    stats = cmvn_stats(x_TD)
    y_TD = apply_cmvn(x_TD, stats, norm_vars)
    np.testing.assert_allclose(apply_cmvn(y_TD, stats, norm_vars, reverse=True), x_TD, atol=1e-4)


def test_statistics_of_utterances_add_up_to_those_of_the_speaker():
    x_TD = np.random.default_rng(6).normal(size=(30, 3)).astype(np.float32)
    np.testing.assert_allclose(cmvn_stats(x_TD[:10]) + cmvn_stats(x_TD[10:]), cmvn_stats(x_TD))


def test_ignored_dimensions_stay_as_they_are():
    x_TD = np.random.default_rng(7).normal(3, 7, size=(50, 3)).astype(np.float32)
    y_TD = apply_cmvn(x_TD, ignore_dims(cmvn_stats(x_TD), [1]), norm_vars=True)
    np.testing.assert_allclose(y_TD[:, 1], x_TD[:, 1])
    np.testing.assert_allclose(y_TD[:, [0, 2]].mean(axis=0), 0, atol=1e-5)


def test_a_constant_dimension_is_not_divided_by_zero():
    x_TD = np.full((10, 1), 3.0, np.float32)
    np.testing.assert_array_equal(apply_cmvn(x_TD, cmvn_stats(x_TD), norm_vars=True), 0)


X = np.ones((4, 2), np.float32)
STATS = cmvn_stats(X)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: apply_cmvn(X, STATS[:, :2]), r"shape \(2, 2\), 2-dimensional features need"),
        (lambda: apply_cmvn(X, STATS[:1], norm_vars=True), "hold no squares"),
        (lambda: apply_cmvn(X, 0 * STATS), "statistics of 0 frames"),
        (lambda: apply_cmvn(X, STATS * np.nan), "statistics of nan frames"),
        (lambda: cmvn_stats(X, np.ones(3)), "3 weights for 4 frames"),
        (lambda: ignore_dims(STATS, [0, 2]), r"cannot skip dimension \[2\] of 2"),
    ],
)
def test_unusable_statistics_are_refused(call, message):
    with pytest.raises(StepsError, match=message):
        call()
