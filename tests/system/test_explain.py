"""Maps of the score that a system decides by."""

import numpy as np
import pytest
import torch

from steps_py import load_system
from steps_py.attribution.differenced import differences
from steps_py.attribution.explained import Explained
from steps_py.attribution.methods import METHODS
from steps_py.attribution.picture import check_picture
from steps_py.errors import ConfigError, StepsError
from steps_py.feats.front_end import FrontEnd
from steps_py.feats.types.fbank import Fbank
from steps_py.feats.types.mfcc import Mfcc
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.system.explain import explain, picture_of
from tests.support.small_extractor import write_model
from tests.support.small_system import DIM, write_system

CHAINS = {
    "cosine": ("centre", "cosine"),
    "plda": ("centre", "lda", "length_norm", "plda", "logistic"),
    "s_norm": ("centre", "lda", "cosine", "s_norm"),
}


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chains")
    model = write_model(folder, more="--dither=0\n")
    return {
        name: load_system(write_system(folder / name / "system.swx", model, steps))
        for name, steps in CHAINS.items()
    }


@pytest.mark.parametrize("name", CHAINS)
def test_scores_of_pairs_are_those_of_the_chain_without_its_rounding(systems, name):
    chain, rng = systems[name].chain(), np.random.default_rng(1)
    enroll_ND, test_ND = (rng.normal(size=(3, DIM)).astype(np.float32) for _ in range(2))
    rows = np.arange(3)
    found = chain.score_pairs(enroll_ND.astype(float), test_ND.astype(float), rows, rows)
    expected = [
        chain.score(chain.enroll(a_D[None]), b_D)[0]
        for a_D, b_D in zip(enroll_ND, test_ND, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_differences_of_a_plda_score_are_its_derivative():
    rng = np.random.default_rng(2)
    a_EE, b_E = rng.normal(size=(5, 5)), rng.normal(size=5)

    def quadratic(x_NE):  # the form of a PLDA score in one of its vectors
        return np.einsum("ne,ef,nf->n", x_NE, a_EE, x_NE) + x_NE @ b_E

    x_BE = rng.normal(size=(2, 5))
    np.testing.assert_allclose(
        differences(quadratic, x_BE), x_BE @ (a_EE + a_EE.T) + b_E, rtol=1e-7, atol=1e-8
    )


@pytest.mark.parametrize("name", CHAINS)
def test_integrated_gradients_sum_to_what_the_score_gains_over_the_baseline(systems, wavs, name):
    method = {"name": "integrated_gradients", "num_steps": 60}
    found = explain(systems[name], *wavs[:2], method, checks=False)
    for side in found.sides:
        facts = side.facts
        assert side.map_TD.sum() == pytest.approx(facts["sum"], rel=1e-3)
        assert abs(facts["completeness_gap"]) < 0.03 * max(1, abs(facts["expected_sum"]))


@pytest.mark.parametrize("name", CHAINS)
def test_full_gradients_sum_to_the_score_of_the_verdict(systems, wavs, name):
    found = explain(systems[name], *wavs[:2], {"name": "fullgrad"}, checks=False)
    verdict = found.verdict
    for side in found.sides:
        expected = verdict.llr if name == "plda" else verdict.score
        assert side.facts["expected_sum"] == pytest.approx(expected, rel=1e-3, abs=1e-3)
        assert abs(side.facts["completeness_gap"]) < 5e-3 * max(1, abs(expected))


def test_a_score_in_steps_is_explained_by_the_cosine_with_a_warning(systems, wavs, monkeypatch):
    system = systems["cosine"]
    chain = system.chain()
    whole = chain.score_pairs
    monkeypatch.setattr(chain, "score_pairs", lambda *rows: np.floor(10 * whole(*rows)))
    found = explain(system, *wavs[:2], {"name": "gradient"}, checks=False)
    assert found.explained_score == "cosine of the x-vectors"
    assert "has no gradient" in found.warnings[-1]


def test_swapped_recordings_swap_their_maps(systems, wavs):
    one, two = (
        explain(systems["plda"], *pair, {"name": "gradient"}, checks=False)
        for pair in (wavs[:2], wavs[1::-1])
    )
    np.testing.assert_allclose(one.sides[0].map_TD, two.sides[1].map_TD, rtol=1e-3, atol=1e-6)


def test_a_picture_and_the_arrays_have_what_the_line_says(systems, wavs, tmp_path):
    pytest.importorskip("matplotlib")
    method = {"name": "gradient"}
    found = explain(systems["plda"], *wavs[:2], method)
    assert "rank correlation with shuffled networks" in str(found)
    assert set(found.as_dict()) == {"method", "explained_score", "recordings", "verdict"}
    picture_of(found, tmp_path / "ab.png")
    assert (tmp_path / "ab.png").read_bytes().startswith(b"\x89PNG")
    arrays = found.arrays()
    assert arrays["map1_TD"].shape == arrays["input1_TD"].shape
    assert (np.diff(arrays["start1_sec_T"]) > 0).all()


def test_mistakes_are_refused_in_a_line(systems, wavs):
    pytest.importorskip("matplotlib")
    with pytest.raises(ConfigError, match="unknown name 'gradcan'.*gradcam"):
        explain(systems["plda"], *wavs[:2], {"name": "gradcan"})
    with pytest.raises(ConfigError, match="score: is 'llr'"):
        explain(systems["plda"], *wavs[:2], {"name": "gradient"}, score="llr")
    with pytest.raises(StepsError, match=r"ab\.jpeg: is no name of a picture"):
        check_picture("ab.jpeg")


@pytest.mark.parametrize("encoder", ["tdnn", "resnet20"])
@pytest.mark.parametrize("method", METHODS.names())
def test_every_method_maps_networks_over_frames_and_over_images(encoder, method):
    explained = small_network(encoder)
    options = {
        "integrated_gradients": {"num_steps": 2},
        "smoothgrad": {"num_copies": 2},
        "gradcam": {"signed": True},
        "occlusion": {"frames": 25, "every_frames": 25, "dims": 8, "every_dims": 8},
        "occlusion_time": {"frames": 25, "every_frames": 25},
        "occlusion_frequency": {"dims": 8, "every_dims": 8},
    }.get(method, {})
    built = METHODS.build({"name": method, **options})
    if (method, encoder) == ("guided_backprop", "resnet20"):
        with pytest.raises(StepsError, match="no rectified units"):  # its units are PReLUs
            built.attribute(explained)
        return
    found = built.attribute(explained)
    assert found.map_TD.shape == explained.x_TD.shape
    assert torch.isfinite(found.map_TD).all() and bool(found.map_TD.any())


def small_network(encoder):
    torch.manual_seed(3)
    small = {"resnet20": {"base_dim": 2}}.get(encoder, {})
    config = ModelConfig(
        encoder={"name": encoder, **small}, pooling={"name": "stats"}, embedding_dim=4
    )
    model = build_model(config, feat_dim=16).eval()
    other_1E = torch.randn(1, 4)
    return Explained.of(
        model,
        lambda x_BE: torch.cosine_similarity(x_BE, other_1E),
        torch.randn(50, 16),
        max_chunk_frames=30,
        min_chunk_frames=25,
    )


def test_maps_of_cepstra_are_of_the_bands_that_they_are_linear_in(systems, wavs):
    system, method = systems["plda"], {"name": "gradient"}
    by_band = explain(system, *wavs[:2], method, checks=False)
    by_cepstrum = explain(system, *wavs[:2], method, checks=False, coefficients=True)
    matrix_BD, frequencies_hz = system.embedder.front_end.bands()
    assert matrix_BD.shape == (13, 8) and np.isnan(frequencies_hz[-1])  # 12 filters, and the energy
    for band, cepstrum in zip(by_band.sides, by_cepstrum.sides, strict=True):
        chain_rule_TB = cepstrum.map_TD @ matrix_BD.T
        scale = np.abs(chain_rule_TB).max()
        np.testing.assert_allclose(band.map_TD, chain_rule_TB, atol=1e-3 * scale)
        np.testing.assert_allclose(band.frames.x_TD @ matrix_BD, cepstrum.frames.x_TD, atol=1e-3)
    assert by_cepstrum.frequencies_hz is None


@pytest.mark.parametrize("more", ["", "--use-energy=false\n", "--htk-compat=true\n"])
def test_bands_times_their_matrix_are_the_cepstra_of_the_recording(more):
    conf = f"--dither=0\n--num-ceps=8\n--num-mel-bins=12\n{more}"
    samples_N = np.random.default_rng(2).normal(scale=300, size=4000)
    mfcc, fbank = (
        cls(cls.config_of(FrontEnd(type=kind, conf=text, vad_conf="").options()))
        for kind, cls, text in (
            ("mfcc", Mfcc, conf),
            ("fbank", Fbank, "--dither=0\n--num-mel-bins=12\n--use-energy=true\n"),
        )
    )
    matrix_BD, frequencies_hz = mfcc.bands
    energy_first_TB = fbank.compute(samples_N)
    bands_TB = np.concatenate([energy_first_TB[:, 1:], energy_first_TB[:, :1]], axis=1)
    cepstra_TD = bands_TB[:, : len(matrix_BD)] @ matrix_BD
    np.testing.assert_allclose(cepstra_TD, mfcc.compute(samples_N), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(frequencies_hz[:12], fbank.frequencies_hz[1:])
