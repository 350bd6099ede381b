"""Systems of i-vectors: the recipe's own vectors, galleries, and what needs a network."""

import numpy as np
import pytest

from steps_py import load_system
from steps_py.embeddings.config import CopiesConfig, XvectorsConfig
from steps_py.errors import AudioError, StepsError
from steps_py.sidewinder.__main__ import main
from steps_py.system.config import SystemConfig
from steps_py.system.make import make_system
from tests.support.small_audio import RATE_HZ
from tests.support.small_extractor import NO_VAD, VAD, write_recording
from tests.support.small_ivectors import (
    FEAT_DIMS,
    ivectors_of_recipe,
    material_of_ivectors,
    write_confs,
    write_ivector_models,
)

CMVN = {"window_frames": 120, "norm_vars": False}
DELTAS = {"delta_order": 2, "delta_window_frames": 3}


def write_ivector_system(
    folder, kind="mfcc", rate_hz=RATE_HZ, vad=VAD, cmvn=CMVN, deltas=DELTAS, xvectors=None
):
    write_confs(folder, kind, rate_hz, vad)
    write_ivector_models(folder, (1 + deltas["delta_order"]) * FEAT_DIMS[kind])
    material = material_of_ivectors(folder, kind, cmvn, deltas)
    make_system(folder / "s.swx", material, SystemConfig(), xvectors or XvectorsConfig())
    return folder / "s.swx"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_ivector_system(tmp_path_factory.mktemp("ivectors"))


@pytest.mark.parametrize(
    ("kind", "rate_hz", "vad", "cmvn", "deltas"),
    [
        ("mfcc", 16000, VAD, CMVN, DELTAS),
        ("mfcc", 8000, NO_VAD, {**CMVN, "norm_vars": True}, {**DELTAS, "delta_order": 1}),
        ("fbank", 8000, VAD, {**CMVN, "window_frames": 0}, {**DELTAS, "delta_order": 0}),
    ],
    ids=["deltas of deltas", "no vad, variances", "filter banks, frames as they are"],
)
def test_i_vectors_are_those_of_the_recipe(kind, rate_hz, vad, cmvn, deltas, tmp_path):
    path = write_ivector_system(tmp_path, kind, rate_hz, vad, cmvn, deltas)
    wavs = {
        name: write_recording(tmp_path / f"{name}.wav", sec=2, seed=n, rate_hz=rate_hz)
        for n, name in enumerate("ab")
    }
    expected = ivectors_of_recipe(tmp_path, kind, wavs, cmvn, deltas)
    x_NE = load_system(path).embed(list(wavs.values()))
    assert np.abs(x_NE).max() > 0.1
    np.testing.assert_allclose(x_NE, [expected["a"], expected["b"]], atol=1e-5)


def test_copies_at_other_speeds_are_averaged(path, wavs, tmp_path):
    each = XvectorsConfig(copies=CopiesConfig(speeds=[0.9, 1.0]))
    both = load_system(write_ivector_system(tmp_path, xvectors=each)).embed(wavs[0])
    slow = load_system(
        write_ivector_system(tmp_path, xvectors=XvectorsConfig(copies=CopiesConfig(speeds=[0.9])))
    ).embed(wavs[0])
    plain = load_system(path).embed(wavs[0])
    np.testing.assert_allclose(both, (slow + plain) / 2, atol=1e-5)
    assert np.abs(slow - plain).max() > 1e-4


def test_people_are_enrolled_and_verified_by_i_vectors(path, wavs, tmp_path):
    system = load_system(path)
    assert system.verify(wavs[0], wavs[0]).score == pytest.approx(1, abs=1e-6)
    with system.gallery(tmp_path / "people.sqlite") as gallery:
        gallery.enrol("anna", wavs[0])
        gallery.enrol("ben", wavs[1])
        assert gallery.identify(wavs[1], threshold=0.9).name == "ben"
    with pytest.raises(AudioError, match="0 of .* frames are voiced"):
        system.embed(np.full(8000, 3, np.int16), RATE_HZ)


def test_what_needs_a_network_says_so_in_one_line(path, wavs, tmp_path, capsys):
    commands = {
        "export": [str(path), str(tmp_path / "x.onnx")],
        "explain": [str(path), wavs[0], wavs[1], "--out", str(tmp_path / "x.png")],
        "diarize": ["--system", str(path), wavs[0], "--out", str(tmp_path / "x.rttm")],
    }
    for name, arguments in commands.items():
        assert main([name, *map(str, arguments)]) == 1
        assert "computes i-vectors, so there is no network" in capsys.readouterr().err
    assert not list(tmp_path.glob("x.*"))


def test_info_names_the_background_model(path, capsys):
    main(["info", str(path)])
    said = capsys.readouterr().out
    assert "4 Gaussians" in said
    assert "6 dimensions" in said


def test_models_that_do_not_fit_together_are_refused(path, tmp_path):
    folder = path.parent
    material = material_of_ivectors(folder, "mfcc", CMVN, DELTAS)
    write_ivector_models(tmp_path, 5)
    material.of_kind["ubm"] = f"{tmp_path}/final.ubm"
    make_system(tmp_path / "s.swx", material, SystemConfig(), XvectorsConfig())
    with pytest.raises(StepsError, match="a background model of 4 Gaussians of 5 dimensions"):
        load_system(tmp_path / "s.swx")
