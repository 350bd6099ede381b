"""Multiclass logistic regression of vectors, with several components for a class if wanted.

Source: src/ivector/logistic-regression.cc. The posterior of class k is the sum of the softmax of
W (x, 1) over the components of k.

Shape suffixes (scope: this module):
    N = vectors   D = dimension   C = components   K = classes   B = D + 1, with the bias
"""

import dataclasses

import numpy as np

from steps_py.errors import KaldiError, some
from steps_py.formats.log import log, warn
from steps_py.formats.objects import ObjectHolder
from steps_py.ivector.lbfgs import Lbfgs
from steps_py.ivector.own_weights import log_softmax

_NOISE = 1e-5  # between components of a class when they are split
_LEAST = 1e-20  # posterior of a class


@dataclasses.dataclass
class LogisticRegressionConfig:
    """`normalizer` weights the squared weights; `mix_up` is the wanted number of components."""

    max_steps: int = 20
    normalizer: float = 0.0025
    mix_up: int = 0
    power: float = 0.15


@dataclasses.dataclass
class LogisticRegression:
    """Weights (C, B), the last column the bias, and the class of each component (C,).

    >>> model = LogisticRegression(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0, 1]))
    >>> np.exp(model.log_posteriors(np.zeros((1, 1)))).tolist()
    [[0.5, 0.5]]
    """

    weights_CB: np.ndarray
    classes_C: np.ndarray

    @property
    def num_classes(self) -> int:
        return int(self.classes_C.max()) + 1

    def log_posteriors(self, x_ND):
        """Logarithms (N, K) of the posteriors of the classes."""
        dim = self.weights_CB.shape[1] - 1
        if x_ND.shape[1] != dim:
            raise KaldiError(
                f"vectors of {x_ND.shape[1]} dimensions, a model of {dim}. Was it trained on"
                " other vectors?"
            )
        log_parts_NC = log_softmax(_with_one(x_ND) @ self.weights_CB.T)
        with np.errstate(divide="ignore"):
            return np.stack(
                [
                    np.logaddexp.reduce(log_parts_NC[:, self.classes_C == k], axis=1)
                    for k in range(self.num_classes)
                ],
                axis=1,
            )

    def scale_priors(self, scales_K) -> None:
        """Multiply the prior of each class, in place."""
        if len(scales_K) < self.num_classes:
            raise KaldiError(f"{len(scales_K)} scales of priors for {self.num_classes} classes.")
        with np.errstate(divide="ignore", invalid="ignore"):
            self.weights_CB[:, -1] += np.log(scales_K)[self.classes_C]


def train(x_ND, labels_N, config: LogisticRegressionConfig, seed: int = 0) -> LogisticRegression:
    """A model of vectors (N, D) whose classes are integers from 0 on.

    Raises
    ------
    KaldiError
        If a class is negative.
    """
    labels_N = np.asarray(labels_N)
    if (labels_N < 0).any():
        raise KaldiError(f"class {labels_N.min()}: classes are integers from 0 on.")
    num_classes = int(labels_N.max()) + 1
    missing = np.setdiff1d(np.arange(num_classes), labels_N)
    if len(missing):
        warn(f"no vector of classes {some(missing)}: classes should have no gaps")
    x_NB = _with_one(x_ND)
    model = LogisticRegression(np.zeros((num_classes, x_NB.shape[1])), np.arange(num_classes))
    _optimise(model, x_NB, labels_N, config)
    log("Finished training parameters without mixture components.")
    if config.mix_up > num_classes:
        _split(model, labels_N, config, np.random.default_rng(seed))
        _optimise(model, x_NB, labels_N, config)
        log("Finished training mixture components.")
    return model


def _with_one(x_ND):
    return np.concatenate((x_ND, np.ones((len(x_ND), 1))), axis=1, dtype=np.float64)


def _optimise(model, x_NB, labels_N, config):
    """`max_steps` evaluations of L-BFGS; the weights of the best one are kept."""
    shape = model.weights_CB.shape
    search = Lbfgs(model.weights_CB.ravel())
    for _ in range(config.max_steps):
        weights_CB = search.proposed.reshape(shape)
        value, gradient_CB = _objective(weights_CB, model.classes_C, x_NB, labels_N, config)
        log(f"Objective function is {value:.6g}")
        search.step(-value, -gradient_CB.ravel())
    model.weights_CB = search.best.reshape(shape)


def _objective(weights_CB, classes_C, x_NB, labels_N, config):
    """Mean log posterior of the right classes minus the penalty, and its gradient (C, B)."""
    posteriors_NC = np.exp(log_softmax(x_NB @ weights_CB.T))
    right_NC = posteriors_NC * (classes_C == labels_N[:, np.newaxis])
    sums_N = np.maximum(right_NC.sum(axis=1), _LEAST)
    slopes_NC = right_NC / sums_N[:, np.newaxis] - posteriors_NC
    gradient_CB = slopes_NC.T @ x_NB / len(x_NB) - config.normalizer * weights_CB
    penalty = 0.5 * config.normalizer * float(np.sum(weights_CB**2))
    return float(np.log(sums_N).mean()) - penalty, gradient_CB


def _split(model, labels_N, config, draws):
    """Give large classes more components, copies of their first with a little noise."""
    counts_K = np.bincount(labels_N, minlength=model.num_classes)
    targets_K = split_targets(counts_K, config.mix_up, config.power)
    log(f"Training {targets_K.sum()} mixture components of the {config.mix_up} wanted.")
    copied = np.repeat(np.arange(model.num_classes), targets_K - 1)
    copies_CB = model.weights_CB[copied]
    copies_CB = copies_CB + _NOISE * draws.standard_normal(copies_CB.shape)
    model.weights_CB = np.concatenate((model.weights_CB, copies_CB))
    model.classes_C = np.concatenate((model.classes_C, copied))


def split_targets(counts_K, total: int, power: float):
    """How many components each class has: in the ratio of counts to a power, one at least.

    No class has as many components as vectors.

    >>> split_targets(np.array([100, 100, 2]), 5, power=0.5).tolist()
    [2, 2, 1]
    """
    targets_K = np.ones(len(counts_K), int)
    share_K = np.asarray(counts_K, np.float64) ** power
    while targets_K.sum() < total and share_K.any():
        k = int(np.argmax(share_K / targets_K))
        if targets_K[k] + 1 >= counts_K[k]:
            share_K[k] = 0
        else:
            targets_K[k] += 1
    return targets_K


def _read_from(reader):
    reader.expect("<LogisticRegression>")
    reader.expect("<weights>")
    weights_CB = reader.value("dmatrix")
    if reader.expect("<class>", "</LogisticRegression>") == "<class>":
        classes_C = reader.value("ints")
        reader.expect("</LogisticRegression>")
    else:  # models of early versions have no components
        classes_C = np.arange(len(weights_CB))
    if len(classes_C) != len(weights_CB) or not len(classes_C) or min(classes_C) < 0:
        reader.fail(f"{len(classes_C)} classes of {len(weights_CB)} components.")
    return LogisticRegression(weights_CB, np.asarray(classes_C))


def _write_to(writer, model):
    writer.token("<LogisticRegression>")
    writer.token("<weights>")
    writer.value("matrix", model.weights_CB)
    writer.token("<class>")
    writer.value("ints", model.classes_C)
    writer.token("</LogisticRegression>")


LOGISTIC_REGRESSION = ObjectHolder("a logistic-regression model", _read_from, _write_to)
