"""The transforms of scipy's compiled module, found by its path, and numpy's in its place."""

from importlib.metadata import version

import numpy as np
import pytest

from steps_py.fourier import fft

X_BP = np.random.default_rng(0).normal(size=(5, 512)).astype(np.float32)


def test_scipy_still_has_its_compiled_module_where_it_is_looked_for():
    assert fft._pocketfft is not None, (
        f"scipy {version('scipy')} has moved fft/_pocketfft/pypocketfft. Features are now"
        " transformed by numpy, several times slower: adapt _load_pocketfft in"
        " steps_py/fourier/fft.py, or pin the former version in pyproject.toml."
    )
    for name in ("r2c", "c2r"):
        assert hasattr(fft._pocketfft, name), f"pypocketfft of scipy has no {name} any more"


def test_transforms_are_those_of_numpy_in_double_precision():
    expected = np.fft.rfft(X_BP.astype(np.float64))
    spec_BF = fft.rfft(X_BP)
    assert spec_BF.dtype == np.complex64
    np.testing.assert_allclose(spec_BF, expected, atol=1e-4)
    np.testing.assert_allclose(fft.irfft(spec_BF, 512), X_BP, atol=1e-5)


@pytest.fixture
def without_pocketfft(monkeypatch):
    monkeypatch.setattr(fft, "_pocketfft", None)
    fft._warn_of_numpy.cache_clear()
    yield
    fft._warn_of_numpy.cache_clear()


def test_without_it_numpy_serves_and_a_warning_says_so_once(without_pocketfft, capfd):
    np.testing.assert_allclose(fft.rfft(X_BP), np.fft.rfft(X_BP.astype(float)), atol=1e-4)
    np.testing.assert_allclose(fft.irfft(fft.rfft(X_BP), 512), X_BP, atol=1e-5)
    message = capfd.readouterr().err
    assert message.count("WARNING") == 1
    assert "has no fft/_pocketfft/pypocketfft" in message


def test_a_scipy_without_the_module_is_none(monkeypatch):
    monkeypatch.setattr(fft, "EXTENSION_SUFFIXES", [".nothing"])
    assert fft._load_pocketfft() is None
