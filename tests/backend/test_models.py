"""Models beside Kaldi's PLDA: what they score, and that each runs in a chain."""

import numpy as np
import pytest

from steps_py.backend import discriminative_plda as module
from steps_py.backend.covariance import SpeakerStats
from steps_py.backend.discriminative_plda import (
    Quadratic,
    QuadraticScorer,
    Training,
    effective_prior,
    pair_form,
    quadratic_of_plda,
    train_covariances,
    train_quadratic,
)
from steps_py.backend.mix_plda import coral_plus, interpolate
from steps_py.backend.plda_em import fit_plda
from steps_py.backend.simplified_plda import fit_simplified_plda
from steps_py.backend.systems import Systems
from steps_py.errors import BackendError
from steps_py.formats.vector_tables import read_vectors
from tests.support.vector_recipe import DIM, TRIALS, make_vector_recipe, run, scores_of

SPEAKERS = np.repeat(np.arange(150), 6)


def vectors(seed=0, between=(3.0, 1.0, 0.2), scale=1.0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(150, 3)) * between
    return scale * (y[SPEAKERS] + rng.normal(size=(len(SPEAKERS), 3)) @ rng.normal(size=(3, 3)) + 1)


def log_density(x, mean, covariance):
    return (
        -0.5 * ((x - mean) @ np.linalg.solve(covariance, x - mean))
        - 0.5 * (np.linalg.slogdet(2 * np.pi * covariance)[1])
    )


def test_the_quadratic_form_of_plda_is_its_ratio():
    """By the densities of both vectors together, and by PLDA's own formula."""
    plda, x = fit_plda(vectors(), SPEAKERS), vectors(seed=1)[:8]
    scorer = QuadraticScorer(quadratic_of_plda(plda))
    got = scorer.all_pairs(scorer.enroll(x), scorer.test(x))
    u = plda.transform(x, normalize_length=False)
    np.testing.assert_allclose(got, plda.score(u, np.ones(8), u), atol=1e-6)
    within, between = plda.covariances()
    total, mean = within + between, np.concatenate([plda.mean_D] * 2)
    joint = np.block([[total, between], [between, total]])
    apart = np.block([[total, 0 * total], [0 * total, total]])
    pair = np.concatenate([x[0], x[1]])
    wanted = log_density(pair, mean, joint) - log_density(pair, mean, apart)
    assert got[0, 1] == pytest.approx(wanted, abs=1e-6)


def test_discriminative_training_lowers_the_loss_of_its_trials_and_starts_at_plda():
    # noise of two sizes is not what PLDA takes it for
    rng = np.random.default_rng(3)
    x = vectors() + 3 * rng.normal(size=(len(SPEAKERS), 3)) * (rng.random((len(SPEAKERS), 1)) < 0.2)
    plda = fit_plda(x, SPEAKERS)
    start, (before, same) = train_quadratic(plda, x, SPEAKERS, Training(num_iters=0))
    assert before == same
    np.testing.assert_allclose(start.p_DD, quadratic_of_plda(plda).p_DD, atol=1e-12)
    training = Training(num_iters=30, max_vectors=400)
    for train in (train_quadratic, train_covariances):
        _, (same, after) = train(plda, x, SPEAKERS, training)
        assert same == pytest.approx(
            train(plda, x, SPEAKERS, Training(num_iters=0, max_vectors=400))[1][0]
        )
        assert after < same


def test_the_form_of_covariances_needs_no_common_diagonal():
    """P, Q, c and k of the issue's formulas, with covariances of which neither is diagonal."""
    rng = np.random.default_rng(2)
    between, within = (a @ a.T + np.eye(3) for a in rng.normal(size=(2, 3, 3)))
    mean, total = rng.normal(size=3), between + within
    of_total = np.linalg.inv(total)
    s = total - between @ of_total @ between
    p, q, c, k = pair_form(mean, between, within)
    np.testing.assert_allclose(p, of_total @ between @ np.linalg.inv(s), atol=1e-12)
    np.testing.assert_allclose(q, (of_total - np.linalg.inv(s)) / 2, atol=1e-12)
    np.testing.assert_allclose(c, -(p + 2 * q) @ mean, atol=1e-12)
    wanted = (np.linalg.slogdet(total)[1] - np.linalg.slogdet(s)[1]) / 2 - mean @ c
    assert k == pytest.approx(wanted, abs=1e-12)


def test_the_untrained_mean_and_covariances_are_those_of_the_plda():
    plda, x = fit_plda(vectors(), SPEAKERS), vectors(seed=1)[:8]
    same, _ = train_covariances(plda, x, SPEAKERS[:8] + np.arange(8) // 4, Training(num_iters=0))
    for got, wanted in zip(same.covariances(), plda.covariances(), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-6)
    u, v = (model.transform(x, normalize_length=False) for model in (same, plda))
    for num_utts in (1, 3):  # several utterances by Kaldi's rule
        n = np.full(8, num_utts)
        np.testing.assert_allclose(same.score(u, n, u), plda.score(v, n, v), atol=1e-6)


def test_the_gradient_of_covariances_is_that_of_differences():
    rng = np.random.default_rng(4)
    loss = module._TrialLoss(rng.normal(size=(7, 2)), np.array([0, 0, 1, 1, 1, 2, 2], object), 0.1)
    mean = rng.normal(size=2)
    between, within = (a @ a.T + np.eye(2) for a in rng.normal(size=(2, 2, 2)))

    def value(*arguments):
        p, q, c, k = pair_form(*arguments)
        return loss(Quadratic(p, q, c, float(k)))

    found = module._of_covariances(value(mean, between, within)[1], mean, between, within)
    step = 1e-6
    for number, gradient in enumerate(found):
        for place in np.ndindex(gradient.shape):
            change = np.zeros(gradient.shape)
            change[place] = step / 2
            change = change + change.T  # a covariance is symmetric
            ends = []
            for sign in (1, -1):
                moved = [mean, between, within]
                moved[number] = moved[number] + sign * change
                ends.append(value(*moved)[0])
            slope = (ends[0] - ends[1]) / (2 * step)
            assert slope == pytest.approx((gradient * change).sum() / step, abs=1e-7)


def test_the_parameters_are_drawn_to_the_start_or_to_0():
    plda, x = fit_plda(vectors(), SPEAKERS), vectors()
    few = {"num_iters": 20, "max_vectors": 60}
    strong = {
        to: train_quadratic(plda, x, SPEAKERS, Training(l2=1e6, l2_to=to, **few))[0]
        for to in ("initial", "zero")
    }
    np.testing.assert_allclose(strong["initial"].p_DD, quadratic_of_plda(plda).p_DD, atol=1e-4)
    np.testing.assert_allclose(strong["zero"].p_DD, 0, atol=1e-4)


def test_scores_of_0_cost_as_much_as_the_prior_alone():
    """tau = 4.885 for a prior of .0075; the diagonal is no trial."""
    nothing = Quadratic(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros(2), 0.0)
    for prior in (0.0075, 0.3):
        loss = module._TrialLoss(np.ones((5, 2)), np.array([0, 0, 1, 1, 2], object), prior)
        assert loss(nothing)[0] == pytest.approx(1)
    assert -np.log(0.0075 / 0.9925) == pytest.approx(4.885, abs=1e-3)
    assert effective_prior(0.0075) == pytest.approx(0.0075)


def test_the_loss_of_trials_is_that_of_each_pair():
    """By a loop over pairs, each once: half of (i, j) and half of (j, i)."""
    x, speakers, prior = np.random.default_rng(5).normal(size=(6, 2)), "aabbbc", 0.05
    parameters = quadratic_of_plda(
        fit_plda(np.random.default_rng(6).normal(size=(20, 2)), np.arange(20) // 4)
    )
    scorer = QuadraticScorer(parameters)
    score = scorer.all_pairs(scorer.enroll(x), scorer.test(x))
    costs = {True: [], False: []}
    for i in range(6):
        for j in range(i):
            same = speakers[i] == speakers[j]
            away = score[i, j] + np.log(prior / (1 - prior))
            costs[same].append(np.log1p(np.exp(-away if same else away)))
    wanted = prior * np.mean(costs[True]) + (1 - prior) * np.mean(costs[False])
    wanted /= -prior * np.log(prior) - (1 - prior) * np.log(1 - prior)
    loss = module._TrialLoss(x, np.array(list(speakers), object), prior)
    assert loss(parameters)[0] == pytest.approx(wanted)


def test_the_gradient_of_the_trials_loss_is_that_of_differences():
    u = np.random.default_rng(0).normal(size=(7, 2))
    loss = module._TrialLoss(u, np.array([0, 0, 1, 1, 1, 2, 2], object), 0.1)
    rng = np.random.default_rng(1)
    flat = rng.normal(size=2 * 4 + 2 + 1)
    gradient = module._flat(loss(module._unflat(flat, 2))[1])
    for direction in np.eye(len(flat)):
        # P is not symmetric here: its gradient is that of the symmetric part
        d = module._unflat(direction, 2)
        sym = module._flat(module.Quadratic((d.p_DD + d.p_DD.T) / 2, d.q_DD, d.c_D, d.k))
        up, down = (loss(module._unflat(flat + s * 1e-6 * sym, 2))[0] for s in (1, -1))
        assert (up - down) / 2e-6 == pytest.approx(gradient @ sym, abs=1e-7)


def test_simplified_plda_of_full_rank_is_two_covariance_plda():
    x = vectors(between=(3.0, 2.0, 1.5))
    full = fit_simplified_plda(SpeakerStats.of(x, SPEAKERS), rank=3, num_em_iters=100)
    other = fit_plda(x, SPEAKERS, num_em_iters=100)
    for got, wanted in zip(full.covariances(), other.covariances(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0.02, atol=0.02)


def test_simplified_plda_has_its_rank_and_a_spherical_rest():
    stats = SpeakerStats.of(vectors(), SPEAKERS)
    plda = fit_simplified_plda(stats, rank=1, spherical=True)
    within, between = plda.covariances()
    np.testing.assert_allclose(within, within[0, 0] * np.eye(3), atol=1e-9)
    assert np.linalg.matrix_rank(between, tol=1e-8) == 1
    with pytest.raises(BackendError, match="rank is 4, but 150 speakers of 3 dimensions span 3"):
        fit_simplified_plda(stats, rank=4)


def test_interpolated_models_end_at_either():
    one, two = fit_plda(vectors(), SPEAKERS), fit_plda(vectors(seed=5), SPEAKERS)
    for weight, end in ((0, one), (1, two)):
        for got, wanted in zip(
            interpolate(one, two, weight).covariances(), end.covariances(), strict=True
        ):
            np.testing.assert_allclose(got, wanted, atol=1e-9)


def test_coral_plus_grows_covariances_by_the_share_of_the_excess():
    """The other domain is the same, three times as large: variances are nine times as large."""
    x = vectors()
    plda = fit_plda(x, SPEAKERS)
    stats = [SpeakerStats.of(data, np.zeros(len(x))) for data in (x, 3 * x)]
    for scale, factor in ((0, 1), (0.5, 5), (1, 9)):
        adapted = coral_plus(plda, *stats, scale, scale)
        for got, before in zip(adapted.covariances(), plda.covariances(), strict=True):
            np.testing.assert_allclose(got, factor * before, rtol=1e-3, atol=1e-3)
    smaller = coral_plus(plda, *stats[::-1], 1, 1)  # a smaller domain changes nothing
    np.testing.assert_allclose(smaller.covariances()[0], plda.covariances()[0], atol=1e-3)


# -- in a chain


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_vector_recipe()
    return tmp_path


def systems_of(chain):
    backend = {"train_sets": ["train"], "adapt_set": "near"}
    return Systems({"systems": {"mine": chain}}, backend, TRIALS, dim=DIM)


NORM = {"as_norm": {"cohort": "train", "top_n": 3}}


@pytest.mark.parametrize(
    "model",
    [
        "neg_euclidean",
        {"simplified_plda": {"rank": 2}},
        "coral_plus",
        {"plda_mixed": {"near_set": "near"}},
        {"dplda": {"num_iters": 5}},
    ],
)
def test_each_model_scores_trials_and_a_cohort(recipe, model):
    raw, normalised = (scores_of(systems_of(["centre", model, *more])) for more in ([], [NORM]))
    assert np.isfinite([raw, normalised]).all()
    assert raw != normalised


def test_the_distance_is_that_of_the_vectors(recipe):
    keys, x = read_vectors("scp:exp/xvectors/test_set/xvector.scp")
    got = scores_of(systems_of(["neg_euclidean"]))
    for place, pair in enumerate((("x0", "x1"), ("x0", "y1"), ("y2", "x1"))):
        a, b = (x[keys.index(key)] for key in pair)
        assert got[place] == pytest.approx(-np.linalg.norm(a - b), rel=1e-5)


def test_a_set_that_shares_a_speaker_with_the_trials_is_not_trained_on(recipe):
    table = recipe / "data/near/utt2spk"
    table.write_text(table.read_text() + "z0 x\n")
    systems = systems_of([{"plda_mixed": {"near_set": "near"}}])
    (early,) = systems.early()
    done = run(systems.estimate(early))
    assert done.returncode == 1
    assert "near_set 'near' shares 1 speaker with the trial list 'test' (x)" in done.stderr
