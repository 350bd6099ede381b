"""Section ``backend``: its sets, and the dimensions of LDA."""

from steps_py.recipe.checks.names import unknown


def check_sets(config, parts):
    """The back-end is estimated and adapted on known sets."""
    backend, sets = config["backend"], config["data"]["sets"]
    known = [*sets, *(["train_augmented"] if config["augment"]["copies"] else [])]
    for name in backend["train_sets"]:
        yield from unknown("backend.train_sets", name, known, "set")
    if backend["adapt_set"]:
        yield from unknown("backend.adapt_set", backend["adapt_set"], sets, "set")


def check_lda_dim(config, parts):
    """LDA has no more dimensions than the x-vectors."""
    lda_dim, embedding_dim = config["backend"]["lda_dim"], config["model"]["embedding_dim"]
    if (lda_dim or 0) > embedding_dim:
        yield f"'backend.lda_dim' is {lda_dim}, more than 'model.embedding_dim', {embedding_dim}."


CHECKS = [check_sets, check_lda_dim]
