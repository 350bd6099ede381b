"""i-vector extractors: posteriors of the i-vector, statistics, EM, files, online extraction."""

import dataclasses

import numpy as np
import pytest

from steps_py.errors import StepsError
from steps_py.formats.posteriors import Posterior
from steps_py.formats.streams import open_input
from steps_py.formats.triangles import packed
from steps_py.ivector.estimation import EstimationConfig, solve_quadratic, update
from steps_py.ivector.extraction import IvectorComputer
from steps_py.ivector.extractor import new_extractor, read_extractor, write_extractor
from steps_py.ivector.lbfgs import Lbfgs
from steps_py.ivector.logistic_regression import LogisticRegressionConfig, split_targets, train
from steps_py.ivector.online import OnlineConfig, OnlineIvectors, conjugate_gradients
from steps_py.ivector.statistics import StatsAccumulator, read_stats, write_stats

NUM_GAUSS, FEAT_DIM, DIM = 3, 4, 5


@pytest.fixture
def draws():
    return np.random.default_rng(7)


def made_extractor(draws, use_weights=False):
    roots = draws.standard_normal((NUM_GAUSS, FEAT_DIM, FEAT_DIM))
    inv_covs = roots @ roots.transpose(0, 2, 1) + np.eye(FEAT_DIM)
    means = draws.standard_normal((NUM_GAUSS, FEAT_DIM))
    extractor = new_extractor(means, packed(inv_covs), [0.2, 0.3, 0.5], DIM, use_weights)
    if use_weights:
        extractor.log_weights_IS[:] = 0.01 * draws.standard_normal((NUM_GAUSS, DIM))
    return extractor


def made_utterance(draws, num_frames):
    """Features and posteriors with two Gaussians for each frame."""
    feats = draws.standard_normal((num_frames, FEAT_DIM)).astype(np.float32)
    pairs = [
        [
            (int(i), float(w))
            for i, w in zip(draws.permutation(NUM_GAUSS)[:2], (0.7, 0.3), strict=True)
        ]
        for _ in range(num_frames)
    ]
    return feats, Posterior.of(pairs)


def ivectors_of(extractor, utterances):
    computer = IvectorComputer(extractor)
    batch = computer.new_batch()
    for number, (feats, posterior) in enumerate(utterances):
        batch.start(number)
        batch.add(feats, posterior)
    return computer.compute(batch, gains=True)


def log_joint(extractor, feats, posterior, x):
    """Prior of an i-vector and weighted likelihood of the frames, up to a constant."""
    total = -0.5 * np.sum((x - extractor.offset * np.eye(DIM)[0]) ** 2)
    for frame, pairs in enumerate(posterior.lists()):
        for i, weight in pairs:
            error = feats[frame] - extractor.M_IDS[i] @ x
            total -= 0.5 * weight * error @ extractor.inv_cov(i) @ error
    return total


def accumulated(extractor, utterances, **options):
    accumulator = StatsAccumulator(extractor, **options)
    for feats, posterior in utterances:
        accumulator.add(feats, posterior)
    return accumulator.finish()


# extraction


def test_no_nearby_ivector_is_more_likely_than_the_extracted_one(draws):
    extractor, utterance = made_extractor(draws), made_utterance(draws, 30)
    (x,), _ = ivectors_of(extractor, [utterance])
    x[0] += extractor.offset
    best = log_joint(extractor, *utterance, x)
    for _ in range(20):
        assert log_joint(extractor, *utterance, x + 0.01 * draws.standard_normal(DIM)) < best


def test_the_gain_is_the_difference_of_log_probabilities_from_the_mean_of_the_prior(draws):
    extractor, utterance = made_extractor(draws), made_utterance(draws, 10)
    (x,), (gain,) = ivectors_of(extractor, [utterance])
    x[0] += extractor.offset
    default = extractor.offset * np.eye(DIM)[0]
    difference = log_joint(extractor, *utterance, x) - log_joint(extractor, *utterance, default)
    assert gain == pytest.approx(difference)


def test_an_ivector_does_not_depend_on_the_other_utterances_of_its_batch(draws):
    extractor = made_extractor(draws)
    utterances = [made_utterance(draws, size) for size in (5, 1, 40)]
    together, _ = ivectors_of(extractor, utterances)
    for x, utterance in zip(together, utterances, strict=True):
        np.testing.assert_allclose(ivectors_of(extractor, [utterance])[0][0], x, atol=1e-9)


def test_without_posteriors_an_ivector_is_zero(draws):
    empty = np.ones((2, FEAT_DIM), np.float32), Posterior.of([[], []])
    x, _ = ivectors_of(made_extractor(draws), [empty])
    np.testing.assert_allclose(x, 0, atol=1e-9)


def test_features_of_another_dimension_are_refused(draws):
    _, posterior = made_utterance(draws, 2)
    with pytest.raises(StepsError, match=r"3 dimensions, the extractor 4"):
        ivectors_of(made_extractor(draws), [(np.ones((2, 3), np.float32), posterior)])


def test_posteriors_of_a_larger_background_model_are_refused(draws):
    wrong = np.ones((1, FEAT_DIM), np.float32), Posterior.of([[(NUM_GAUSS, 1.0)]])
    with pytest.raises(StepsError, match=r"Gaussian 3, but the extractor has 3"):
        ivectors_of(made_extractor(draws), [wrong])


def test_the_last_online_ivector_is_that_of_the_whole_utterance(draws):
    extractor = made_extractor(draws)
    feats, posterior = made_utterance(draws, 21)
    online = OnlineIvectors(extractor, OnlineConfig(period=5, num_cg_iters=-1))
    x, _ = online.compute(feats, posterior)
    assert x.shape == (5, DIM)  # after frames 1, 6, 11, 16 and 21
    whole, _ = ivectors_of(extractor, [(feats, posterior)])
    np.testing.assert_allclose(x[-1], whole[0], atol=1e-4)


def test_conjugate_gradients_solve_in_as_many_steps_as_dimensions(draws):
    root = draws.standard_normal((6, 6))
    A, b = root @ root.T + np.eye(6), draws.standard_normal(6)
    np.testing.assert_allclose(A @ conjugate_gradients(A, b, np.zeros(6), -1), b, atol=1e-9)


# training


def test_statistics_of_parts_add_up_to_those_of_all(draws):
    extractor = made_extractor(draws)
    utterances = [made_utterance(draws, size) for size in (4, 9, 2)]
    whole, first, second = (
        accumulated(extractor, u) for u in (utterances, utterances[:1], utterances[1:])
    )
    first.add(second)
    assert first.objective == pytest.approx(whole.objective)
    for (name, mine), (_, all_) in zip(first.arrays(), whole.arrays(), strict=True):
        np.testing.assert_allclose(mine, all_, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("has_scatter", [True, False])
@pytest.mark.parametrize("use_weights", [False, True])
def test_training_raises_the_objective(draws, has_scatter, use_weights):
    extractor = made_extractor(draws, use_weights)
    utterances = [made_utterance(draws, 60) for _ in range(12)]
    objectives = []
    for _ in range(4):
        stats = accumulated(extractor, utterances, has_scatter=has_scatter)
        objectives.append(stats.objective)
        update(extractor, stats, EstimationConfig(min_count=1))
    assert np.diff(objectives).min() > 0


def test_after_training_ivectors_have_the_mean_and_the_covariance_of_the_prior(draws):
    extractor = made_extractor(draws)
    utterances = [made_utterance(draws, 30) for _ in range(30)]
    for _ in range(12):
        update(extractor, accumulated(extractor, utterances), EstimationConfig(min_count=1))
    stats = accumulated(extractor, utterances)
    mean = stats.sum_S / stats.num_ivectors
    np.testing.assert_allclose(mean, extractor.offset * np.eye(DIM)[0], atol=0.05)


def test_a_gaussian_below_the_minimum_count_is_only_rotated(draws):
    extractor = made_extractor(draws)
    before = dataclasses.replace(extractor, inv_covs_IQ=extractor.inv_covs_IQ.copy())
    feats = draws.standard_normal((40, FEAT_DIM)).astype(np.float32)
    utterances = [(feats, Posterior.of([[(0, 1.0)]] * 40))]
    update(extractor, accumulated(extractor, utterances), EstimationConfig(min_count=5))
    assert not np.allclose(extractor.inv_covs_IQ[0], before.inv_covs_IQ[0])
    np.testing.assert_array_equal(extractor.inv_covs_IQ[1:], before.inv_covs_IQ[1:])


def test_a_quadratic_problem_is_solved_where_it_is_regular(draws):
    root = draws.standard_normal((DIM, DIM))
    Q, Y = root @ root.T + np.eye(DIM), draws.standard_normal((2, DIM))
    M, gain = solve_quadratic(Q, Y, np.eye(2), np.zeros((2, DIM)))
    np.testing.assert_allclose(M @ Q, Y, atol=1e-9)
    assert gain == pytest.approx(0.5 * np.trace(M @ Y.T))


def test_a_singular_quadratic_problem_changes_little_where_nothing_is_known():
    M, _ = solve_quadratic(np.diag([2.0, 0.0]), np.array([[4.0, 0.0]]), np.eye(1), np.zeros((1, 2)))
    np.testing.assert_allclose(M, [[2.0, 0.0]], atol=1e-9)


def test_statistics_of_another_extractor_are_refused(draws):
    stats = accumulated(made_extractor(draws), [made_utterance(draws, 5)])
    with pytest.raises(StepsError, match="of another extractor"):
        update(made_extractor(draws, use_weights=True), stats, EstimationConfig())


# files


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("use_weights", [True, False])
def test_an_extractor_is_read_as_it_was_written(draws, tmp_path, binary, use_weights):
    extractor = made_extractor(draws, use_weights)
    write_extractor(str(tmp_path / "0.ie"), extractor, binary)
    with open_input(str(tmp_path / "0.ie")) as stream:
        back = read_extractor(stream)
    for field in dataclasses.fields(extractor):
        mine, theirs = getattr(extractor, field.name), getattr(back, field.name)
        np.testing.assert_allclose(theirs, mine, rtol=0 if binary else 1e-6, err_msg=field.name)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("has_scatter", [True, False])
def test_statistics_are_read_as_they_were_written(draws, tmp_path, binary, has_scatter):
    stats = accumulated(made_extractor(draws), [made_utterance(draws, 9)], has_scatter=has_scatter)
    write_stats(str(tmp_path / "0.acc"), stats, binary)
    with open_input(str(tmp_path / "0.acc")) as stream:
        back = read_stats(stream)
    for (name, mine), (_, theirs) in zip(stats.arrays(), back.arrays(), strict=True):
        np.testing.assert_allclose(theirs, mine, rtol=1e-6, err_msg=name)


def test_a_cut_extractor_is_refused_in_one_line(draws, tmp_path):
    path = tmp_path / "0.ie"
    write_extractor(str(path), made_extractor(draws))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(StepsError, match="truncated"), open_input(str(path)) as stream:
        read_extractor(stream)


# logistic regression


def test_at_the_optimum_of_a_regression_each_class_has_its_share(draws):
    labels = np.repeat([0, 1, 2], [30, 20, 10])
    x = draws.standard_normal((60, 2)) + labels[:, None]
    model = train(x, labels, LogisticRegressionConfig(max_steps=100, normalizer=0.0001))
    np.testing.assert_allclose(
        np.exp(model.log_posteriors(x)).mean(0), [3 / 6, 2 / 6, 1 / 6], atol=0.01
    )


def test_a_search_gets_to_the_minimum_of_a_long_valley():
    search = Lbfgs(np.array([-1.2, 1.0]))
    for _ in range(80):
        a, b = search.proposed
        search.step(
            (1 - a) ** 2 + 100 * (b - a * a) ** 2,
            np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)]),
        )
    np.testing.assert_allclose(search.best, [1, 1], atol=1e-5)


def test_large_classes_are_split_first():
    assert split_targets(np.array([4, 1000]), 4, power=1.0).tolist() == [1, 3]
