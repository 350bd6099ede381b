"""Section ``backend``: its sets, and the dimensions of LDA."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steps_py.embeddings.config import xvector_dim
from steps_py.recipe.checks.names import unknown

if TYPE_CHECKING:
    from steps_py.registry import Entry


def check_sets(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """The back-end is estimated and adapted on known sets."""
    backend, sets = config["backend"], config["data"]["sets"]
    known = [*sets, *(["train_augmented"] if config["augment"]["copies"] else [])]
    for name in backend["train_sets"]:
        yield from unknown("backend.train_sets", name, known, "set")
    if backend["adapt_set"]:
        yield from unknown("backend.adapt_set", backend["adapt_set"], sets, "set")


def check_lda_dim(config: dict[str, Any], parts: "dict[str, dict[str, Entry]]") -> Iterator:
    """X-vectors are of a layer that the network has, and LDA has no more dimensions than they."""
    model, layer = config["model"], config["xvectors"]["layer"]
    if layer != "outer" and model and model["inner_dim"] is None:
        yield (
            f"'xvectors.layer' is '{layer}', but 'model.inner_dim' is null. Set model.inner_dim, or"
            " layer to outer."
        )
        return
    lda_dim, dim = config["backend"]["lda_dim"], xvector_dim(config)
    key = "'model.embedding_dim'" if layer == "outer" else "the dimension of x-vectors"
    key = key if model else "'ivector.dim'"
    if (lda_dim or 0) > dim:
        yield f"'backend.lda_dim' is {lda_dim}, more than {key}, {dim}."


CHECKS = [check_sets, check_lda_dim]
