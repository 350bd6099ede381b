"""What holds for every loss: contract, gradients, invariances."""

import copy

import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.model.registries import LOSSES
from tests.support.small_losses import build, groups


@pytest.mark.parametrize("name", [name for name in LOSSES.names() if name != "none"])
def test_every_loss_decreases_under_gradient_descent(name):
    torch.manual_seed(0)
    loss = build(name, in_dim=4, num_speakers=5)
    embedding_BE, spk_id_B = groups()
    embedding_BE.requires_grad_()
    optimizer = torch.optim.SGD([embedding_BE, *loss.parameters()], lr=0.02)
    values = []
    for _ in range(30):
        value, _ = loss(embedding_BE, spk_id_B)
        values.append(value.item())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert values[-1] < values[0]
    assert embedding_BE.isfinite().all()


@pytest.mark.parametrize("name", LOSSES.names())
def test_every_loss_keeps_its_contract(name):
    loss = build(name, in_dim=4, num_speakers=5).eval()
    embedding_BE, spk_id_B = groups()
    value, logits_BS = loss(embedding_BE, spk_id_B)
    assert value.shape == ()
    if not LOSSES.find(name).classifies:
        assert logits_BS is None
    else:
        assert logits_BS.shape == (15, 5)


@pytest.mark.parametrize("name", LOSSES.names())
def test_every_loss_has_finite_gradients_for_identical_embeddings(name):
    loss = build(name, in_dim=4, num_speakers=2)
    embedding_BE = torch.ones(4, 4, requires_grad=True)
    loss(embedding_BE, torch.tensor([0, 0, 1, 1]))[0].backward()
    assert embedding_BE.grad.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in loss.parameters())


ORDERED = {"angular_prototypical", "prototypical"}  # the first utterance is the query


@pytest.mark.parametrize("name", [name for name in LOSSES.names() if name not in ORDERED])
def test_the_order_of_a_batch_does_not_matter(name):
    loss, (embedding_BE, spk_id_B) = build(name, in_dim=4, num_speakers=5), groups()
    order = torch.randperm(15, generator=torch.Generator().manual_seed(1))
    shuffled, _ = loss(embedding_BE[order], spk_id_B[order])
    assert shuffled.item() == pytest.approx(loss(embedding_BE, spk_id_B)[0].item(), rel=1e-5)


@pytest.mark.parametrize(
    "name, fields, messages",
    [
        ("triplet", {"mining": "hard"}, "mining' is 'hard'. Did you mean 'hardest'?"),
        ("triplet", {"distance": "cos"}, "Did you mean 'cosine'?"),
        ("ge2e", {"variant": "contrastive"}, "Did you mean 'contrast'?"),
        ("am_softmax", {"margin_growth": "exp"}, "margin_growth' is 'exp'."),
    ],
)
def test_unknown_variants_are_errors(name, fields, messages):
    with pytest.raises(ConfigError) as error:
        build(name, **fields)
    assert messages in str(error.value)


@pytest.mark.parametrize("name", LOSSES.names())
def test_the_numbers_of_speakers_do_not_matter(name):
    """Speakers in another order, and the learned weights of each with them."""
    torch.manual_seed(0)
    loss, (embedding_BE, spk_id_B) = build(name, in_dim=4, num_speakers=5), groups()
    value = copy.deepcopy(loss)(embedding_BE, spk_id_B)[0].item()  # some keep what they have seen
    order = torch.tensor([3, 0, 4, 1, 2])  # the new number of each speaker
    for weight in loss.parameters():
        if weight.ndim and len(weight) == 5:
            weight.data[order] = weight.data.clone()
    assert loss(embedding_BE, order[spk_id_B])[0].item() == pytest.approx(value, rel=1e-4)
