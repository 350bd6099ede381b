"""Logistic regression of vectors: training, posteriors and scores, copying.

Sources: src/ivectorbin/logistic-regression-{train,eval,copy}.cc; the mathematics is in
steps_py/ivector/logistic_regression.py.

Shape suffixes (scope: this module):
    N = vectors   D = dimension   K = classes
"""

import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.holders import DOUBLE_VECTOR, FLOAT_VECTOR, INT
from steps_py.formats.log import Tally, log
from steps_py.formats.options import option
from steps_py.formats.outputs import open_output
from steps_py.formats.tables import (
    RandomReader,
    SequentialReader,
    TableWriter,
    read_object,
    write_object,
)
from steps_py.formats.vector_tables import batches, check_finite
from steps_py.kaldi.commands import command


@dataclasses.dataclass
class RegressionOptions:
    max_steps: int = option(20, "Maximum steps in L-BFGS.")
    normalizer: float = option(0.0025, "Coefficient for L2 regularization.")
    mix_up: int = option(0, "Target number of mixture components to create, if supplied.")
    power: float = option(0.15, "Power rule for determining the number of mixtures to create.")


@dataclasses.dataclass
class TrainOptions(RegressionOptions):
    binary: bool = option(True, "Write output in binary mode")


@command(
    "logistic-regression-train",
    usage="""Trains a model using Logistic Regression with L-BFGS from
a set of vectors. The class labels in <classes-rspecifier>
must be a set of integers such that there are no gaps in
its range and the smallest label must be 0.
Usage: logistic-regression-train <vector-rspecifier>
<classes-rspecifier> <model-out>""",
    options=TrainOptions,
    min_args=3,
    max_args=3,
)
def logistic_regression_train(options, vectors_in: str, classes_in: str, model_out: str) -> int:
    from steps_py.ivector.logistic_regression import (  # start-up time
        LOGISTIC_REGRESSION,
        LogisticRegressionConfig,
        train,
    )

    tally = Tally()
    _, x_ND, labels = _labelled_vectors(vectors_in, classes_in, tally)
    log(f"Retrieved {tally.num_done} vectors with {tally.num_lost} missing.")
    if not labels:
        raise KaldiError(f"{vectors_in}: no vector of a line of {classes_in} to train on.")
    config = LogisticRegressionConfig(
        max_steps=options.max_steps,
        normalizer=options.normalizer,
        mix_up=options.mix_up,
        power=options.power,
    )
    write_object(model_out, LOGISTIC_REGRESSION, train(x_ND, labels, config), options.binary)
    return tally.exit_code()


def _labelled_vectors(vectors_in, classes_in, tally):
    """(keys, vectors (N, D), classes) of the keys with a class and a vector; others are lost."""
    import numpy as np  # start-up time

    keys, found, labels = [], [], []
    with (
        RandomReader(vectors_in, FLOAT_VECTOR) as vectors,
        SequentialReader(classes_in, INT) as classes,
    ):
        for key, label in classes:
            if key not in vectors:
                tally.lost(key, "No vector for utterance")
                continue
            keys.append(key)
            labels.append(label)
            found.append(vectors[key])
            if len(found[-1]) != len(found[0]):
                raise KaldiError(
                    f"{key} has {len(found[-1])} dimensions, {keys[0]} has {len(found[0])}."
                )
            tally.done()
    x_ND = np.stack(found) if found else np.zeros((0, 0), np.float32)
    check_finite(keys, x_ND, vectors_in)
    return keys, x_ND, labels


@dataclasses.dataclass
class EvalOptions(RegressionOptions):
    apply_log: bool = option(
        True,
        "If false, apply Exp to the log posteriors output. This is helpful when combining"
        " posteriors from multiple logistic regression models.",
    )


@command(
    "logistic-regression-eval",
    usage="""Evaluates a model on input vectors and outputs either
log posterior probabilities or scores.
Usage1: logistic-regression-eval <model> <input-vectors-rspecifier>
                                <output-log-posteriors-wspecifier>
Usage2: logistic-regression-eval <model> <trials-file> <input-vectors-rspecifier>
                                <output-scores-file>""",
    options=EvalOptions,
    min_args=3,
    max_args=4,
)
def logistic_regression_eval(options, model_in: str, *arguments: str) -> int:
    from steps_py.ivector.logistic_regression import LOGISTIC_REGRESSION  # start-up time

    model = read_object(model_in, LOGISTIC_REGRESSION)
    if len(arguments) == 3:
        return _score(options, model, *arguments)
    return _write_posteriors(options, model, *arguments)


def _write_posteriors(options, model, vectors_in, posteriors_out):
    tally = Tally()
    with (
        SequentialReader(vectors_in, FLOAT_VECTOR) as reader,
        TableWriter(posteriors_out, FLOAT_VECTOR) as writer,
    ):
        for keys, x_ND in batches(reader):
            for key, posteriors_K in zip(keys, _posteriors(options, model, x_ND), strict=True):
                writer.write(key, posteriors_K)
                tally.done()
    log(f"Calculated log posteriors for {tally.num_done} vectors.")
    return tally.exit_code()


def _posteriors(options, model, x_ND):
    import numpy as np  # start-up time

    posteriors_NK = model.log_posteriors(x_ND)
    return posteriors_NK if options.apply_log else np.exp(posteriors_NK)


def _score(options, model, trials_in, vectors_in, scores_out):
    tally = Tally()
    keys, x_ND, labels = _labelled_vectors(vectors_in, trials_in, tally)
    if not keys:
        return tally.exit_code()
    unknown = [label for label in labels if not 0 <= label < model.num_classes]
    if unknown:
        raise KaldiError(f"{trials_in}: class {unknown[0]}; the model has {model.num_classes}.")
    posteriors_NK = _posteriors(options, model, x_ND)
    with open_output(scores_out) as out:
        for key, label, posteriors_K in zip(keys, labels, posteriors_NK, strict=True):
            out.write(f"{key} {label} {posteriors_K[label]:.7g}\n".encode(errors="surrogateescape"))
    log(f"Calculated scores for {tally.num_done} vectors with {tally.num_lost} missing. ")
    return tally.exit_code()


@dataclasses.dataclass
class CopyOptions:
    binary: bool = option(True, "Write output in binary mode")
    scale_priors: str = option(
        "",
        "(extended) filename for file containing a vector of prior-scales (e.g. inverses of"
        " training priors)",
    )


@command(
    "logistic-regression-copy",
    usage="""Copy a logistic-regression model, possibly changing the binary mode;
also supports the --scale-priors option which can scale the prior probabilities
the model assigns to different classes (e.g., you can remove the effect of
unbalanced training data by scaling by the inverse of the class priors in the
training data)
Usage: logistic-regression-copy [options] <model-in> <model-out>
e.g.: echo '[ 2.6 1.7 3.9 1.24 7.5 ]' | logistic-regression-copy --scale-priors=- \\
  1.model scaled_priors.mdl""",
    options=CopyOptions,
    min_args=2,
    max_args=2,
)
def logistic_regression_copy(options, model_in: str, model_out: str) -> int:
    from steps_py.ivector.logistic_regression import LOGISTIC_REGRESSION  # start-up time

    model = read_object(model_in, LOGISTIC_REGRESSION)
    if options.scale_priors:
        model.scale_priors(read_object(options.scale_priors, DOUBLE_VECTOR))
    write_object(model_out, LOGISTIC_REGRESSION, model, options.binary)
    log(f"Wrote model to {model_out}")
    return 0
