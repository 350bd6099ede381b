"""Speed perturbation: frequencies of tones, and independence of the range that is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.augment.config import ratio_of
from steps_py.augment.speed import read_at_speed

RATE_HZ = 8000


def reading(x_N):
    return lambda first, end: x_N[first:end]


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.1, 1.25])
def test_a_tone_is_higher_by_the_speed(speed):
    n = np.arange(RATE_HZ)
    x_N = 1000 * np.sin(2 * np.pi * 440 / RATE_HZ * n).astype(np.float32)
    y_N = read_at_speed(reading(x_N), speed, 0, 2 * RATE_HZ)
    assert len(y_N) == int(np.ceil(RATE_HZ / ratio_of(speed)))
    middle = slice(500, len(y_N) - 500)
    expected_N = 1000 * np.sin(2 * np.pi * 440 * speed / RATE_HZ * np.arange(len(y_N)))
    np.testing.assert_allclose(y_N[middle], expected_N[middle], atol=1)


def test_aliases_are_filtered_out():
    x_N = np.sin(2 * np.pi * 3900 / RATE_HZ * np.arange(RATE_HZ)).astype(np.float32)
    y_N = read_at_speed(reading(x_N), 1.1, 0, RATE_HZ)
    assert np.abs(y_N[500:-500]).max() < 0.001


@settings(max_examples=40, deadline=None)
@given(
    speed=st.sampled_from([0.9, 1.1, 0.95, 1.2]),
    first=st.integers(0, 5000),
    num=st.integers(1, 4000),
)
def test_samples_do_not_depend_on_the_range_that_is_read(speed, first, num):
    x_N = np.random.default_rng(0).normal(0, 1000, 6000).astype(np.float32)
    whole_N = read_at_speed(reading(x_N), speed, 0, 10_000)
    y_N = read_at_speed(reading(x_N), speed, first, first + num)
    np.testing.assert_allclose(y_N, whole_N[first : first + num], atol=0.01)
