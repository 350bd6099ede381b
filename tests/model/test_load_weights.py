"""Loading the weights of another network."""

import pytest
import torch

from steps_py.errors import StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import Extractor, save_extractor
from steps_py.model.load_weights import load_weights
from steps_py.model.registries import ENCODERS
from steps_py.training.config import InitConfig
from steps_py.training.initial_weights import load_initial
from steps_py.training.input_digests import digest_of_init
from tests.support.tiny_parts import tiny


def build(embedding_dim=6, encoder="tdnn", seed=1):
    torch.manual_seed(seed)
    config = ModelConfig(
        encoder=tiny(ENCODERS, encoder), embedding_dim=embedding_dim, pooling={"name": "stats"}
    )
    return build_model(config, feat_dim=4)


def test_all_weights_and_statistics_are_copied():
    old, new = build(seed=1), build(seed=2)
    old.train()(torch.randn(2, 30, 4))
    load_weights(new, old.state_dict(), "final.pt")
    assert all(torch.equal(x, old.state_dict()[name]) for name, x in new.state_dict().items())


def test_a_module_in_leave_out_keeps_its_weights():
    old, new = build(seed=1), build(seed=2, embedding_dim=9)
    before = new.embedding.weight.clone()
    load_weights(new, old.state_dict(), "final.pt", leave_out=["embedding"])
    assert torch.equal(new.embedding.weight, before)
    assert torch.equal(new.encoder.layers[0].affine.weight, old.encoder.layers[0].affine.weight)


def test_names_in_leave_out_match_whole_words():
    """`encoder.layers.1` is not `encoder.layers.10`."""
    old, new = build(seed=1, encoder="e_tdnn"), build(seed=2, encoder="e_tdnn")
    del old.encoder.layers[9]
    with pytest.raises(StepsError, match=r"encoder\.layers\.9\.affine\.bias is missing"):
        load_weights(new, old.state_dict(), "final.pt", leave_out=["encoder.layers.1"])


@pytest.mark.parametrize(
    "old, messages",
    [
        ({"embedding_dim": 9}, "embedding.bias is [9], here [6]"),
        ({"encoder": "e_tdnn"}, "encoder.layers.5.affine.bias is unexpected"),
    ],
)
def test_weights_that_do_not_fit_are_errors_and_change_nothing(old, messages):
    new = build(seed=2)
    before = {name: x.clone() for name, x in new.state_dict().items()}
    with pytest.raises(StepsError) as error:
        load_weights(new, build(**old).state_dict(), "exp/model/final.pt")
    assert str(error.value).startswith("exp/model/final.pt: does not fit (")
    assert messages in str(error.value)
    assert all(torch.equal(x, before[name]) for name, x in new.state_dict().items())


def test_the_error_for_an_unknown_module_suggests_a_known_one():
    with pytest.raises(StepsError, match=r"leave_out: no module 'embeding'\. Did you mean 'emb"):
        load_weights(build(), build().state_dict(), "final.pt", leave_out=["embeding"])


def test_a_training_can_be_initialised_without_embedding_and_head(tmp_path):
    """The encoder is read; the embedding, of another dimension, and the head are random."""
    old, new, path, messages = (
        build(seed=1),
        build(seed=2, embedding_dim=9),
        tmp_path / "final.pt",
        [],
    )
    config = ModelConfig(encoder=tiny(ENCODERS, "tdnn"), embedding_dim=6, pooling={"name": "stats"})
    save_extractor(path, Extractor(model=old, config=config, feat_dim=4, cmvn=CmvnConfig()))
    init = InitConfig(model=str(path), leave_out=["embedding"], without_head=True)
    whole = InitConfig(model=str(path), without_head=True)
    load_initial(init, new, torch.nn.Linear(9, 3), None, messages.append)
    assert torch.equal(new.encoder.layers[0].affine.weight, old.encoder.layers[0].affine.weight)
    assert messages[0] == f"train: embedding is not read from {path}; initialised at random"
    assert "the head is initialised at random" in messages[1]
    assert digest_of_init(init) != digest_of_init(whole)
    with pytest.raises(StepsError, match=r"embedding\.bias is \[6\], here \[9\].*leave_out\.$"):
        load_initial(whole, new, None, None, messages.append)
