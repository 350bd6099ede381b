"""The discriminative PLDA in the weights of a loss, as the back-end's arithmetic has it.

Shape suffixes: E embedding, L after LDA.
"""

from pathlib import Path

import numpy as np
import torch

from steps_py.backend.discriminative_plda import Quadratic
from steps_py.backend.plda import Plda
from steps_py.errors import ConfigError
from steps_py.model.load_weights import load_weights
from steps_py.model.losses.dplda import Dplda
from steps_py.model.model_file import read_model_file
from steps_py.model.registries import LOSSES


def read_trained_dplda(path: str | Path) -> tuple[np.ndarray, Quadratic | Plda]:
    """The projection (L, E + 1) and the parameters of the loss `dplda` in a head.pt.

    Raises ConfigError if the network was trained with another loss.
    """
    saved, _ = read_model_file(Path(path), "head")
    section, weights = saved["config"], saved["loss"]
    dims = [x.shape[1] for name, x in weights.items() if name.endswith("lda_LE")]
    if not dims:
        raise ConfigError(
            f"{path}: was trained with loss '{section['name']}', which has no discriminative PLDA."
            " Set train.loss to dplda or to a weighted_sum with it, or score by another system."
        )
    sizes = {"in_dim": dims[0], "num_speakers": len(saved["speakers"] or [None])}
    loss = LOSSES.build(section, **sizes)
    load_weights(loss, weights, str(path))
    (dplda,) = (module for module in loss.modules() if isinstance(module, Dplda))
    with torch.no_grad():
        return dplda.affine(), dplda.scores.double().parameters_of_score()
