"""The F-ratio of feature dimensions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steps_py.feats.f_ratio import f_ratio


def draw(seed=0, num_speakers=4, dim=3):
    rng = np.random.default_rng(seed)
    centres_SD = rng.normal(0, [1, 3, 0], (num_speakers, dim))
    return [
        (f"spk{s}", centres_SD[s] + rng.normal(0, 2, (num_frames, dim)))
        for s in range(num_speakers)
        for num_frames in (30, 50)
    ]


def test_it_is_that_of_numpy_on_all_frames_of_each_speaker():
    feats = draw()
    whole = [np.concatenate([x for spk, x in feats if spk == f"spk{s}"]) for s in range(4)]
    between_D = np.var([x.mean(axis=0) for x in whole], axis=0)
    within_D = np.mean([x.var(axis=0) for x in whole], axis=0)
    np.testing.assert_allclose(f_ratio(feats), between_D / within_D)
    assert f_ratio(feats).argmax() == 1  # the dimension whose centres differ most


@given(st.floats(-1e6, 1e6), st.sampled_from([-3.0, 0.01, 1e4]))
def test_neither_the_unit_nor_the_origin_of_a_dimension_matters(offset, factor):
    feats = draw()
    moved = [(spk, factor * x + offset) for spk, x in feats]
    np.testing.assert_allclose(f_ratio(moved), f_ratio(feats), rtol=1e-3)


def test_utterances_of_a_speaker_are_cut_in_any_way():
    feats = draw()
    halves = [(spk, part) for spk, x in feats for part in (x[:7], x[7:], x[:0])]
    np.testing.assert_allclose(f_ratio(halves), f_ratio(feats))


def test_a_constant_dimension_and_a_single_speaker_have_none():
    constant = [("ann", np.ones((5, 1))), ("bob", np.zeros((5, 1)))]
    assert np.isnan(f_ratio(constant)).all()
    assert np.isnan(f_ratio(draw(num_speakers=1))).all()
    assert f_ratio([]).size == 0
