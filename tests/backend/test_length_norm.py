"""Length normalisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steps_py.backend.length_norm import length_ratios, normalize_length

vectors = arrays(np.float64, (3, 4), elements=st.floats(-100, 100).filter(lambda x: abs(x) > 1e-3))


@given(vectors)
def test_vectors_end_on_the_sphere_and_keep_their_direction(x_ND):
    for scaleup, length in ((True, 2.0), (False, 1.0)):  # 2 is the root of 4 dimensions
        y_ND = normalize_length(x_ND, scaleup)
        np.testing.assert_allclose(np.linalg.norm(y_ND, axis=1), length)
        np.testing.assert_allclose(y_ND * length_ratios(x_ND, scaleup)[:, np.newaxis], x_ND)


@given(vectors, st.floats(0.01, 100))
def test_scale_does_not_matter(x_ND, scale):
    np.testing.assert_allclose(normalize_length(scale * x_ND), normalize_length(x_ND))


def test_ratio_by_hand():
    # length 5 in 2 dimensions: 5 / sqrt(2)
    np.testing.assert_allclose(length_ratios(np.array([[3.0, 4.0]])), [5 / np.sqrt(2)])


def test_zeros_stay_zeros():
    x_ND = np.array([[0.0, 0.0], [0.0, 2.0]])
    np.testing.assert_array_equal(normalize_length(x_ND, scaleup=False), [[0, 0], [0, 1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_is_kept(dtype):
    assert normalize_length(np.ones((2, 3), dtype)).dtype == dtype
