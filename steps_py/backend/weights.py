"""Files of weights that a calibration or fusion was trained to: JSON, for people too."""

import json
import os
import sys

import numpy as np

from steps_py.backend.calibration import Logistic
from steps_py.files import atomic_write


def write_weights(path: str | os.PathLike, fit: Logistic, names: list[str], config) -> None:
    """Write a `Logistic` and what it was trained on; print a line where it is unusual.

    Parameters
    ----------
    path : str
    fit : Logistic
    names : list of str
        Of the features, in the order of the weights.
    config : ListConfig
    """
    where = f"calibration on '{config.calibrate_on}'"
    if fit.separable:
        print(
            f"{where}: the scores separate its target from its nontarget trials without an error;"
            " the weights are regularised. A longer or harder list would determine them.",
            file=sys.stderr,
        )
    if fit.weights_F[0] < 0:
        print(
            f"{where}: the weight of {names[0]} is {fit.weights_F[0]:.3g}: higher scores speak"
            " against one speaker. Are the labels inverted?",
            file=sys.stderr,
        )
    content = {
        "calibrate_on": config.calibrate_on,
        "p_target": config.p_target,
        "weights": dict(zip(names, fit.weights_F.tolist(), strict=True)),
        "offset": fit.offset,
        "cross_entropy_bits": fit.objective_bits,
        "separable": fit.separable,
    }
    with atomic_write(path) as file:
        file.write(json.dumps(content, indent=1) + "\n")


def read_weights(path: str | os.PathLike) -> Logistic:
    """The `Logistic` of a file of `write_weights`."""
    with open(path) as file:
        content = json.load(file)
    weights_F = np.array(list(content["weights"].values()))
    return Logistic(
        weights_F, content["offset"], content["cross_entropy_bits"], content["separable"]
    )
