"""Programs from samples to an x-vector equal the steps of the recipe, which are other code."""

import numpy as np
import onnx
import pytest
import torch

from steps_py import load_system
from steps_py.errors import ConfigError, StepsError
from steps_py.export.export import export_system, format_of
from steps_py.export.formats.onnx import Onnx
from steps_py.export.formats.pt2 import Pt2
from steps_py.export.waveform.eager import probe_waveforms, voiced_frames_of
from steps_py.export.waveform.front_end import WaveformFrontEnd
from steps_py.export.waveform.types import EXPORTED_FEATURES
from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.feats.types.registry import FEATURES
from tests.support.small_extractor import NO_VAD, VAD, write_model
from tests.support.small_system import write_system

CMVN = CmvnConfig(window_frames=50)
HTK = "--htk-compat=true\n"
CONFS = {
    "mfcc": ("--num-ceps=20\n", "--use-energy=false\n" + HTK, "--energy-floor=1e6\n--dither=1\n"),
    "fbank": ("--use-energy=true\n", "--use-power=false\n" + HTK, "--use-energy=true\n" + HTK),
    "plp": ("", "--lpc-order=8\n--num-ceps=9\n--raw-energy=false\n"),
    "spectrogram": ("", "--raw-energy=false\n"),
    "magnitude_spectrogram": ("--use-log=true\n", "--use-power=true\n--use-log=true\n"),
    "scaled_fbank": ("--scale=amel\n--num-bins=20\n", "--use-log=false\n--use-power=false\n"),
    "waveform": ("", "--energy-floor=1e6\n"),
}
FRAMES = ("--snip-edges=false\n", "--subtract-mean=true\n--window-type=hanning\n")


def test_each_feature_type_is_exported_or_refused_by_name():
    assert sorted(CONFS) == EXPORTED_FEATURES.names()
    assert EXPORTED_FEATURES.names() == FEATURES.names()


@pytest.mark.parametrize(
    ("kind", "conf"), [(kind, conf) for kind, confs in CONFS.items() for conf in confs]
)
@pytest.mark.parametrize("more", FRAMES)
def test_the_module_of_the_steps_equals_the_steps(kind, conf, more):
    front_end = FrontEnd(type=kind, conf=conf + more, vad_conf=NO_VAD, compress=True)
    (waveform_1N, *_) = probe_waveforms(16000, 0.01, 40)
    expected_TD = voiced_frames_of(waveform_1N, front_end, CMVN)
    found_1TD = WaveformFrontEnd(front_end, CMVN, "x")(torch.from_numpy(waveform_1N))
    scale = np.abs(expected_TD).max()
    error_TD = np.abs(found_1TD[0].numpy() - expected_TD)  # logarithms of almost nothing are worse
    assert error_TD.max() < 1e-2 * scale and np.quantile(error_TD, 0.999) < 1e-4 * scale


@pytest.mark.parametrize(
    ("vad", "cmvn"),
    [
        (VAD, CMVN),
        (VAD, CmvnConfig(window_frames=40, norm_vars=True)),
        (VAD, CmvnConfig(window_frames=0)),
        (VAD, CmvnConfig(window_frames=3000)),
        ("--vad-energy-threshold=15\n--vad-energy-mean-scale=0\n--vad-frames-context=1\n", CMVN),
    ],
)
def test_decisions_and_normalisation_equal_those_of_the_recipe(vad, cmvn):
    front_end = FrontEnd(type="mfcc", conf="--dither=0\n", vad_conf=vad)
    module = WaveformFrontEnd(front_end, cmvn, "x")
    for waveform_1N in probe_waveforms(16000, 0.01, 40):
        expected_TD = voiced_frames_of(waveform_1N, front_end, cmvn)
        assert 0 < len(expected_TD) < waveform_1N.shape[1] / 160 - 20  # some frames are unvoiced
        found_1TD = module(torch.from_numpy(waveform_1N))
        np.testing.assert_allclose(found_1TD[0].numpy(), expected_TD, rtol=1e-4, atol=1e-3)


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    def make(kind):
        folder = tmp_path_factory.mktemp(kind)
        return load_system(write_system(folder / "system.swx", write_model(folder, kind)))

    return {kind: make(kind) for kind in ("mfcc", "fbank", "waveform")}


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("mfcc", ".onnx"), ("fbank", ".onnx"), ("waveform", ".onnx"), ("mfcc", ".ts")],
)
def test_a_file_takes_samples_of_any_length_to_the_x_vector(systems, tmp_path, kind, suffix):
    system, path = systems[kind], str(tmp_path / f"system{suffix}")
    found = export_system(system, path, format_of(path), features=True)
    assert found.difference <= 1e-4
    assert found.left_out == ("dither", "the rounding of feats.compress")
    compute = format_of(path).open(path)
    rng = np.random.default_rng(3)
    waveform_1N = (0.1 * rng.normal(size=(1, 23_457))).astype(np.float32)
    waveform_1N[:, 5000:9000] /= 100
    embedder = system.embedder
    x_TD = voiced_frames_of(waveform_1N, embedder.front_end, embedder.cmvn)
    with torch.inference_mode():
        expected_BE = embedder.network(torch.from_numpy(x_TD[None])).numpy()
    np.testing.assert_allclose(compute(waveform_1N), expected_BE, rtol=1e-4, atol=1e-4)
    if suffix == ".onnx":
        facts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert facts["left_out"] == "dither; the rounding of feats.compress"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"type": "spectrogram", "conf": "--return-raw-fft=true"}, "--return-raw-fft=true are not"),
        ({"signal_steps": ["noise_canceller"]}, "cannot write feats.signal_steps"),
        ({"conf": "--vtln-warp=1.1"}, "cannot write --vtln-warp"),
    ],
)
def test_a_step_that_is_not_exported_is_named_in_one_line(fields, fault):
    front_end = FrontEnd(**{"type": "mfcc", "conf": "", "vad_conf": "", **fields})
    with pytest.raises(StepsError, match=fault) as raised:
        WaveformFrontEnd(front_end, CMVN, "a.swx")
    assert len(str(raised.value).splitlines()) == 1


def test_a_feature_type_of_the_recipe_is_named(monkeypatch):
    monkeypatch.delitem(EXPORTED_FEATURES._classes, "mfcc")
    with pytest.raises(StepsError, match="a.swx: --features cannot write features of type 'mfcc'"):
        WaveformFrontEnd(FrontEnd(type="mfcc", conf="", vad_conf=""), CMVN, "a.swx")


def test_a_format_without_waveforms_is_refused(systems, tmp_path):
    with pytest.raises(ConfigError, match="--features is of other formats"):
        export_system(systems["mfcc"], str(tmp_path / "system.pt2"), Pt2, features=True)
    assert Onnx.takes_waveforms
