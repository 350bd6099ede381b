"""Energy VAD: by hand, against Kaldi's loop, and at the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps_py.errors import ConfigError
from steps_py.feats.vad import VadConfig, compute_vad


def oracle(energies, config):
    """The votes of each frame, counted one by one in single precision."""
    energies = np.float32(energies)
    threshold = np.float32(config.vad_energy_threshold)
    mean = np.float32(energies.sum(dtype=float)) / np.float32(len(energies))
    threshold += np.float32(config.vad_energy_mean_scale) * mean
    voiced = []
    for t in range(len(energies)):
        context = config.vad_frames_context
        votes = energies[max(0, t - context) : t + context + 1] > threshold
        voiced.append(
            votes.sum() >= np.float32(len(votes)) * np.float32(config.vad_proportion_threshold)
        )
    return np.float32(voiced)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=50),
    st.integers(0, 60),
    st.sampled_from([0.12, 0.5, 0.6, 0.9]),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_frames_vote_as_in_kaldi(energies, context, proportion, scale):
    config = VadConfig(
        vad_energy_threshold=3.0,
        vad_energy_mean_scale=scale,
        vad_frames_context=context,
        vad_proportion_threshold=proportion,
    )
    x_TD = np.array([energies, energies[::-1]], np.float32).T
    np.testing.assert_array_equal(compute_vad(x_TD, config), oracle(energies, config))


def test_threshold_follows_the_mean_energy():
    # 5 + 0.5 * mean 8 = 9; one frame of 14 raises the mean to 11 and the threshold to 10.5
    quiet, loud = np.array([[6.0], [10.0]]), np.array([[6.0], [10.0], [10.0], [18.0]])
    np.testing.assert_array_equal(compute_vad(quiet), [0, 1])
    np.testing.assert_array_equal(compute_vad(loud), [0, 0, 0, 1])


def test_three_of_five_are_a_proportion_of_six_tenths():
    """In double precision 5 * float32(0.6) exceeds 3; Kaldi multiplies in single precision."""
    energies = np.array([[0.0], [9.0], [9.0], [9.0], [0.0]])
    config = VadConfig(vad_energy_mean_scale=0.0, vad_frames_context=2)
    assert compute_vad(energies, config)[2] == 1


def test_frames_at_the_ends_have_fewer_voters():
    # context 1, half of the votes: frame 0 has two voters, frame 1 three
    energies = np.array([[9.0], [0.0], [0.0]])
    config = VadConfig(
        vad_energy_mean_scale=0.0, vad_frames_context=1, vad_proportion_threshold=0.5
    )
    np.testing.assert_array_equal(compute_vad(energies, config), [1, 0, 0])


def test_silence_at_the_threshold_is_not_voiced():
    np.testing.assert_array_equal(compute_vad(np.full((4, 1), 10.0)), 0)


def test_without_mean_scale_an_infinite_energy_does_no_harm():
    energies = np.array([[np.inf], [0.0]])
    np.testing.assert_array_equal(
        compute_vad(energies, VadConfig(vad_energy_mean_scale=0.0)), [1, 0]
    )


def test_only_the_first_column_counts():
    x_TD = np.random.default_rng(0).normal(8, 4, size=(100, 3))
    np.testing.assert_array_equal(compute_vad(x_TD), compute_vad(x_TD[:, :1]))


def test_no_frames_no_decisions():
    assert compute_vad(np.zeros((0, 30))).shape == (0,)


@pytest.mark.parametrize(
    "field, value",
    [
        ("vad_energy_mean_scale", -0.1),
        ("vad_energy_mean_scale", float("nan")),
        ("vad_frames_context", -1),
        ("vad_proportion_threshold", 0.0),
        ("vad_proportion_threshold", 1.0),
    ],
)
def test_impossible_options_are_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=f"{field} must .* got {value:g}"):
        VadConfig(**{field: value})
