"""PLP: the recursion of the prediction, cepstra of a prediction, and the options."""

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz

from steps_py.errors import StepsError
from steps_py.feats.frames import FrameConfig
from steps_py.feats.types.plp import Plp, PlpConfig, linear_prediction, prediction_cepstra


def test_a_prediction_solves_the_normal_equations():
    autocorr = np.array([[4.0, 2.0, 1.0, 0.25], [3.0, -1.0, 0.5, 0.1]], np.float32)
    lpc, error = linear_prediction(autocorr)
    for row, got, left in zip(autocorr.astype(float), lpc, error, strict=True):
        want = solve_toeplitz(row[:-1], -row[1:])
        np.testing.assert_allclose(got, want, atol=1e-6)
        assert left == pytest.approx(row[0] + want @ row[1:], rel=1e-5)


def test_cepstra_are_those_of_the_log_spectrum_of_the_prediction():
    lpc = np.array([[-0.5, 0.2]], np.float32)
    spectrum = -np.log(np.abs(np.fft.fft([1, -0.5, 0.2], 512)) ** 2)
    want = np.fft.ifft(spectrum).real[1:3]
    np.testing.assert_allclose(prediction_cepstra(lpc)[0], want, atol=1e-5)


def test_more_cepstra_than_the_order_gives_are_refused():
    with pytest.raises(StepsError, match="Use 2 to 13"):
        Plp(PlpConfig(num_ceps=14))


def test_a_louder_recording_has_the_same_cepstra_without_energy():
    plp = Plp(PlpConfig(frames=FrameConfig(dither=0), use_energy=False))
    samples = 1000 * np.random.default_rng(0).standard_normal(4000)
    quiet, loud = plp.compute(samples), plp.compute(4 * samples)
    np.testing.assert_allclose(loud[:, 1:], quiet[:, 1:], atol=1e-3)
