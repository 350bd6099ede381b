"""The embedding of a network that is the x-vector."""

import pytest
import torch

from steps_py.embeddings.layers import of_layer
from steps_py.errors import ConfigError
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig


def model_of(**keys):
    torch.manual_seed(0)
    encoder = {"name": "tdnn", "hidden_dim": 8, "out_dim": 8}
    config = ModelConfig(encoder=encoder, pooling={"name": "stats"}, embedding_dim=3, **keys)
    return build_model(config, feat_dim=4).eval()


def test_inner_and_outer_embedding_are_those_of_two_affines_and_both_is_their_concatenation():
    model, x_BTD = model_of(inner_dim=5), torch.randn(2, 30, 4)
    taken = []
    model.inner_embedding.register_forward_hook(lambda module, args, out: taken.append(out))
    outer_BE = of_layer(model, "outer")(x_BTD)
    inner_BE = of_layer(model, "inner")(x_BTD)
    both = of_layer(model, "both")
    assert inner_BE.equal(taken[0]) and inner_BE.shape == (2, 5)
    assert outer_BE.equal(model.embedding(model.inner_norm(taken[0].relu())))
    assert both(x_BTD).equal(torch.cat([inner_BE, outer_BE], dim=1)) and both.embedding_dim == 8


def test_a_network_with_one_embedding_has_no_inner_one():
    with pytest.raises(ConfigError, match="no inner embedding. Set layer to outer, or train"):
        of_layer(model_of(), "inner")


def test_a_network_without_inner_embedding_has_the_weights_of_before():
    assert [name for name, _ in model_of().named_parameters()][-2:] == [
        "embedding.weight",
        "embedding.bias",
    ]
