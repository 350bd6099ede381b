"""PLDA: scores, transforms, EM and files, against oracles that share no algebra with them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from steps_py.backend.covariance import SpeakerStats
from steps_py.backend.plda import Plda, log_likelihood_ratio
from steps_py.backend.plda_em import PldaEstimator, fit_plda
from steps_py.backend.plda_io import decode_plda, encode_plda, read_plda, write_plda
from steps_py.backend.trial_scores import TrialScorer, dot_products
from steps_py.errors import BackendError


def random_model(seed, dim):
    rng = np.random.default_rng(seed)
    psi_D = np.sort(rng.uniform(0.1, 10, dim))[::-1]
    return Plda(rng.normal(size=dim), rng.normal(size=(dim, dim)), psi_D)


def speakers_of(model, num_speakers, num_utts, seed=0):
    """x-vectors drawn from a model: (vectors, speaker of each); `num_utts` cycles."""
    rng = np.random.default_rng(seed)
    counts = np.resize(num_utts, num_speakers)
    speaker_N = np.repeat(np.arange(num_speakers), counts)
    y_SD = rng.normal(size=(num_speakers, model.dim)) * np.sqrt(model.psi_D)
    u_ND = y_SD[speaker_N] + rng.normal(size=(len(speaker_N), model.dim))
    return model.mean_D + u_ND @ np.linalg.inv(model.transform_DD).T, speaker_N


# scores


def test_llr_by_hand():
    # psi = 1, n = 1, e = 1: same-speaker N(1/2, 3/2), different-speaker N(0, 2).
    # t = +1: -1/2 [ln(3/4) + (1/4)/(3/2) - 1/2] = 0.310508
    # t = -1: -1/2 [ln(3/4) + (9/4)/(3/2) - 1/2] = -0.356159
    llr = log_likelihood_ratio([[1.0]], [1], [[1.0], [-1.0]], [1.0])
    np.testing.assert_allclose(llr, [[0.310508, -0.356159]], atol=1e-6)


@pytest.mark.parametrize("num_utts", [1, 2, 30])
def test_llr_equals_ratio_of_joint_gaussians(num_utts):
    """log N([e; t]) - log N(e) - log N(t), with the covariances the model implies."""
    rng = np.random.default_rng(0)
    dim = 5
    psi = rng.uniform(0.1, 10, dim)
    e, t = rng.normal(size=(2, dim))

    cov_e, cov_t, cross = np.diag(psi + 1 / num_utts), np.diag(psi + 1), np.diag(psi)
    joint = np.block([[cov_e, cross], [cross, cov_t]])
    zero = np.zeros(dim)
    expected = (
        multivariate_normal.logpdf(np.r_[e, t], np.zeros(2 * dim), joint)
        - multivariate_normal.logpdf(e, zero, cov_e)
        - multivariate_normal.logpdf(t, zero, cov_t)
    )
    got = log_likelihood_ratio([e], [num_utts], [t], psi)
    np.testing.assert_allclose(got, [[expected]], rtol=1e-10)


def test_llr_is_symmetric_for_single_utterance_enrolment():
    rng = np.random.default_rng(1)
    a, psi = rng.normal(size=(4, 6)), rng.uniform(0, 5, 6)
    llr = log_likelihood_ratio(a, np.ones(4), a, psi)
    np.testing.assert_allclose(llr, llr.T, atol=1e-12)


def test_dimension_without_speaker_information_adds_nothing():
    rng = np.random.default_rng(2)
    e, t = rng.normal(size=(2, 3, 4))
    psi = np.array([1.0, 2.0, 0.0, 0.0])
    np.testing.assert_allclose(
        log_likelihood_ratio(e, [1, 2, 3], t, psi),
        log_likelihood_ratio(e[:, :2], [1, 2, 3], t[:, :2], psi[:2]),
    )


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(test_TD=np.ones((1, 3))), r"test x-vectors have shape \(1, 3\).*\(\*, 2\)"),
        (dict(num_utts_E=[0]), "must be >= 1"),
        (dict(num_utts_E=[np.nan]), "must be >= 1"),
        (dict(num_utts_E=[1, 1]), "2 utterance counts for 1 enrolled"),
        (dict(psi_D=[1.0, -1e-3]), "smallest is -0.001"),
        (dict(enroll_ED=[[np.nan, 0.0]]), "enrolment x-vectors are not finite in rows 0"),
    ],
)
def test_llr_says_what_is_wrong(change, message):
    good = dict(
        enroll_ED=np.ones((1, 2)), num_utts_E=[1], test_TD=np.ones((1, 2)), psi_D=np.ones(2)
    )
    with pytest.raises(BackendError, match=message):
        log_likelihood_ratio(**(good | change))


@given(st.integers(0, 10**6), st.sampled_from([0.02, 0.5, 3.0]), st.booleans())
def test_listed_trials_score_as_in_the_full_matrix(seed, density, grouped):
    rng = np.random.default_rng(seed)
    e_ED, t_TD = (
        rng.normal(size=(rng.integers(1, 20), 3)),
        rng.normal(size=(rng.integers(1, 20), 3)),
    )
    n_E, psi_D = rng.integers(1, 4, len(e_ED)), rng.uniform(0, 4, 3)
    num_trials = int(density * len(e_ED) * len(t_TD))
    e_L, t_L = rng.integers(0, len(e_ED), num_trials), rng.integers(0, len(t_TD), num_trials)
    if grouped:
        e_L = np.sort(e_L)
    full_ET = log_likelihood_ratio(e_ED, n_E, t_TD, psi_D)
    got_L = TrialScorer(e_ED, n_E, t_TD, psi_D).score(e_L, t_L)
    np.testing.assert_allclose(got_L, full_ET[e_L, t_L], atol=1e-10)
    np.testing.assert_allclose(
        dot_products(e_ED, t_TD, e_L, t_L), (e_ED @ t_TD.T)[e_L, t_L], atol=1e-12
    )


# transform


def test_transform_makes_within_unit_and_between_diagonal():
    model = random_model(0, 4)
    within, between = model.covariances()
    v = model.transform_DD
    np.testing.assert_allclose(v @ within @ v.T, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(v @ between @ v.T, np.diag(model.psi_D), atol=1e-9)


@pytest.mark.parametrize("num_utts", [1, 5])
def test_normalised_vectors_have_the_length_the_model_expects(num_utts):
    model = random_model(1, 6)
    x_ND = np.random.default_rng(2).normal(size=(10, 6))
    u_ND = model.transform(x_ND, num_utts)
    np.testing.assert_allclose((u_ND**2 / (model.psi_D + 1 / num_utts)).sum(axis=1), 6)
    simple_ND = model.transform(x_ND, num_utts, simple_length_norm=True)
    np.testing.assert_allclose((simple_ND**2).sum(axis=1), 6)
    raw_ND = model.transform(x_ND, normalize_length=False)
    np.testing.assert_allclose(raw_ND, (x_ND - model.mean_D) @ model.transform_DD.T)
    factors = u_ND[:, 0] / raw_ND[:, 0]
    np.testing.assert_allclose(factors, model.length_factors(raw_ND, num_utts))


def test_a_vector_at_the_mean_stays_there():
    model = random_model(2, 3)
    np.testing.assert_array_equal(model.transform(model.mean_D[np.newaxis]), np.zeros((1, 3)))


def test_transform_says_what_is_wrong():
    model = random_model(3, 3)
    with pytest.raises(BackendError, match="Was the LDA transform applied"):
        model.transform(np.ones((2, 4)))
    with pytest.raises(BackendError, match="utterance counts must be >= 1, got 0"):
        model.transform(np.ones((2, 3)), num_utts=[1, 0])
    with pytest.raises(BackendError, match=r"shapes \(2,\), \(2, 2\) and \(3,\)"):
        Plda(np.ones(2), np.eye(2), np.ones(3))


def test_smoothing_adds_between_to_within():
    model = random_model(4, 3)
    within, between = model.covariances()
    smooth_within, smooth_between = model.smoothed(0.2).covariances()
    np.testing.assert_allclose(smooth_within, within + 0.2 * between)
    np.testing.assert_allclose(smooth_between, between)
    np.testing.assert_allclose(model.smoothed(0.0).psi_D, model.psi_D)
    with pytest.raises(BackendError, match="between 0 and 1, got 1.5"):
        model.smoothed(1.5)


def test_projection_projects_both_covariances():
    model = random_model(5, 4)
    projection = np.random.default_rng(5).normal(size=(2, 4))
    small = model.projected(projection)
    for got, full in zip(small.covariances(), model.covariances(), strict=True):
        np.testing.assert_allclose(got, projection @ full @ projection.T)
    np.testing.assert_allclose(small.mean_D, projection @ model.mean_D)


def test_scores_do_not_depend_on_the_basis():
    """An invertible map of the vectors, and of the model with them, changes no score."""
    model = random_model(6, 4)
    x_ND = np.random.default_rng(6).normal(size=(5, 4))
    basis = np.random.default_rng(7).normal(size=(4, 4))
    scores = []
    for plda, vectors in ((model, x_ND), (model.projected(basis), x_ND @ basis.T)):
        u_ND = plda.transform(vectors)
        scores.append(plda.score(u_ND, np.ones(5), u_ND))
    np.testing.assert_allclose(*scores, atol=1e-8)


# estimation


def log_likelihood_by_speaker(x_ND, speaker_N, plda):
    """log N of all vectors of each speaker at once: blocks W + B on the diagonal, B off it.

    The mean is that of the model.  scipy does the rest.
    """
    within, between = plda.covariances()
    total = 0.0
    for spk in np.unique(speaker_N):
        x = x_ND[speaker_N == spk] - plda.mean_D
        cov = np.kron(np.ones((len(x), len(x))), between) + np.kron(np.eye(len(x)), within)
        total += multivariate_normal.logpdf(x.ravel(), np.zeros(x.size), cov)
    return total / len(x_ND)


def test_the_objective_is_the_likelihood_of_the_vectors_up_to_a_constant():
    """Means and deviations together say what the vectors do; the change of variables is fixed."""
    x_ND, speaker_N = speakers_of(random_model(0, 3), 8, [1, 2, 4])
    estimator = PldaEstimator(SpeakerStats.of(x_ND, speaker_N))
    differences = []
    for _ in range(4):
        exact = log_likelihood_by_speaker(x_ND, speaker_N, estimator.model())
        differences.append(estimator.log_likelihood() - exact)
        estimator.step()
    np.testing.assert_allclose(differences, differences[0], atol=1e-9)


@given(st.integers(0, 10**6), st.sampled_from([[2], [1, 2, 3], [1, 1, 9], [5, 40]]))
def test_the_likelihood_never_falls(seed, num_utts):
    x_ND, speaker_N = speakers_of(random_model(seed, 3), 12, num_utts, seed)
    estimator = PldaEstimator(SpeakerStats.of(x_ND, speaker_N))
    values = [estimator.log_likelihood()]
    for _ in range(15):
        estimator.step()
        values.append(estimator.log_likelihood())
    assert (np.diff(values) > -1e-9).all()


def em_as_in_the_paper(x_ND, speaker_N, num_iters):
    """The EM equations of the module's docstring, one speaker at a time, with inverses."""
    groups = [x_ND[speaker_N == spk] for spk in np.unique(speaker_N)]
    means = np.array([g.mean(axis=0) for g in groups])
    centre, dim = means.mean(axis=0), x_ND.shape[1]
    W, B = np.eye(dim), np.eye(dim)
    for _ in range(num_iters):
        W_stats = sum((g - g.mean(axis=0)).T @ (g - g.mean(axis=0)) for g in groups)
        B_stats = np.zeros((dim, dim))
        for g in groups:
            n, m = len(g), g.mean(axis=0) - centre
            C = np.linalg.inv(np.linalg.inv(B) + n * np.linalg.inv(W))
            w = C @ (n * np.linalg.inv(W)) @ m
            B_stats += np.outer(w, w) + C
            W_stats = W_stats + n * (np.outer(m - w, m - w) + C)
        B, W = B_stats / len(groups), W_stats / len(x_ND)
    return centre, W, B


@pytest.mark.parametrize("num_iters", [1, 3, 10])
def test_em_does_what_its_equations_say(num_iters):
    x_ND, speaker_N = speakers_of(random_model(1, 4), 20, [1, 2, 5, 7])
    centre, W, B = em_as_in_the_paper(x_ND, speaker_N, num_iters)
    plda = fit_plda(x_ND, speaker_N, num_iters)
    within, between = plda.covariances()
    np.testing.assert_allclose(plda.mean_D, centre)
    np.testing.assert_allclose(within, W, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(between, B, rtol=1e-6, atol=1e-8)


def test_psi_of_synthetic_speakers_is_recovered():
    model = random_model(2, 3)
    x_ND, speaker_N = speakers_of(model, 4000, [2, 5, 20])
    plda = fit_plda(x_ND, speaker_N, num_em_iters=20)
    np.testing.assert_allclose(plda.psi_D, model.psi_D, rtol=0.1)
    for got, true in zip(plda.covariances(), model.covariances(), strict=True):
        np.testing.assert_allclose(got, true, atol=0.1 * np.abs(true).max())


def test_order_and_names_of_utterances_do_not_matter():
    x_ND, speaker_N = speakers_of(random_model(3, 3), 10, [1, 3])
    order = np.random.default_rng(0).permutation(len(x_ND))
    names = np.array([f"spk{9 - s}" for s in speaker_N])
    a, b = fit_plda(x_ND, speaker_N), fit_plda(x_ND[order], names[order])
    np.testing.assert_allclose(a.psi_D, b.psi_D)
    np.testing.assert_allclose(a.transform_DD, b.transform_DD, atol=1e-8)


def test_psi_does_not_depend_on_scale_and_shift_once_converged():
    x_ND, speaker_N = speakers_of(random_model(4, 3), 30, [4])
    a = fit_plda(x_ND, speaker_N, 300)
    b = fit_plda(1000 * x_ND - 5, speaker_N, 300)
    np.testing.assert_allclose(a.psi_D, b.psi_D, rtol=1e-3)


def test_a_direction_without_variance_does_not_stop_the_estimation():
    """A dead dimension, and one that repeats another: both covariances become singular."""
    x_ND, speaker_N = speakers_of(random_model(5, 3), 30, [4])
    flat_ND = np.hstack([x_ND, np.zeros((len(x_ND), 1)), x_ND[:, :1]])
    plda = fit_plda(flat_ND, speaker_N, num_em_iters=200)
    u_ND = plda.transform(flat_ND[:3])
    assert np.isfinite(plda.transform_DD).all() and np.isfinite(plda.psi_D).all()
    assert np.isfinite(plda.score(u_ND, np.ones(3), u_ND)).all()


def test_speakers_alike_give_a_psi_near_zero():
    rng = np.random.default_rng(6)
    plda = fit_plda(rng.normal(size=(4000, 2)), np.repeat(np.arange(400), 10), 100)
    assert (plda.psi_D >= 0).all() and (plda.psi_D < 0.05).all()


def test_statistics_may_come_bit_by_bit():
    x_ND, speaker_N = speakers_of(random_model(7, 3), 25, [1, 4])
    at_once, bit_by_bit = SpeakerStats.of(x_ND, speaker_N), SpeakerStats(3)
    for part in np.array_split(np.arange(len(x_ND)), 7):
        bit_by_bit.add(x_ND[part], speaker_N[part])
    for name in ("counts_S", "means_SD", "within_scatter_DD", "mean_D", "num_vectors"):
        np.testing.assert_allclose(getattr(bit_by_bit, name), getattr(at_once, name))


@pytest.mark.parametrize(
    "x_ND, speaker_N, message",
    [
        (np.eye(3), [0, 0, 1], "3 x-vectors are too few for 3 dimensions"),
        (np.arange(8.0).reshape(4, 2), [0, 0, 0, 0], "one speaker"),
        (np.arange(8.0).reshape(4, 2), [0, 1, 2, 3], "4 speakers has one x-vector only"),
        (np.array([[0.0], [np.inf], [1.0]]), [0, 0, 1], "not finite in rows 1"),
        (np.ones((3, 1)), [0, 1], r"2 speaker labels for x-vectors of shape \(3, 1\)"),
        (np.zeros((0, 2)), [], "no x-vectors"),
    ],
)
def test_what_cannot_be_estimated_is_refused(x_ND, speaker_N, message):
    with pytest.raises(BackendError, match=message):
        fit_plda(x_ND, speaker_N)


# files


@pytest.mark.parametrize("binary", [True, False])
def test_a_file_holds_the_model(binary, tmp_path):
    model = random_model(8, 5)
    write_plda(tmp_path / "plda", model, binary)
    got = read_plda(tmp_path / "plda")
    for name in ("mean_D", "transform_DD", "psi_D"):
        tolerance = 0 if binary else 1e-6
        np.testing.assert_allclose(getattr(got, name), getattr(model, name), rtol=tolerance)


def test_single_precision_files_are_read():
    data = encode_plda(Plda([0.5], [[2.0]], [8.0]))
    for double, single in ((b"DV ", b"FV "), (b"DM ", b"FM ")):
        data = data.replace(double, single)
    for value in (0.5, 2.0, 8.0):
        data = data.replace(np.float64(value).tobytes(), np.float32(value).tobytes())
    assert decode_plda(data).psi_D == [8.0]


GOOD = encode_plda(random_model(9, 2))
TEXT = b"<Plda>  [ 1 ]\n [\n  1 ]\n [ 1 ]\n</Plda> "


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "'' where <Plda> belongs"),
        (GOOD[:-20], "not a Plda file, or a damaged one"),
        (GOOD.replace(b"<Plda>", b"<Nnet>"), "'<Nnet>' where <Plda> belongs"),
        (GOOD.replace(b"DM ", b"XM "), "damaged"),
        (TEXT.replace(b"[ 1 ]\n</", b"[ 1 2 ]\n</"), r"shapes \(1,\), \(1, 1\) and \(2,\)"),
        (TEXT.replace(b"[ 1 ]\n</", b"[ -1 ]\n</"), "negative psi"),
        (TEXT.replace(b"[ 1 ]\n [\n", b"[ nan ]\n [\n"), "holds nan"),
        (TEXT.replace(b"  1 ]", b"  one ]"), "could not convert"),
        (GOOD + GOOD, "more data behind </Plda>. Was the file written twice"),
        (TEXT + TEXT, "more data behind </Plda>"),
        (GOOD.replace(b"DV ", b"DM ", 1), "expected a vector .FV, DV., found 'DM'"),
    ],
)
def test_damaged_files_are_refused(data, message):
    with pytest.raises(BackendError, match=message):
        decode_plda(data, "exp/plda")


@pytest.mark.parametrize("data", [GOOD, TEXT], ids=["binary", "text"])
def test_a_plda_that_is_cut_anywhere_is_refused_by_name(data, tmp_path):
    for size in range(len(data.rstrip()) - 1):
        (tmp_path / "plda").write_bytes(data[:size])
        with pytest.raises(BackendError, match="plda: not a Plda file, or a damaged one"):
            read_plda(tmp_path / "plda")
