"""Losses that compare utterances: numbers by hand, mining, prototypes."""

import math

import pytest
import torch

from steps_py.model.registries import LOSSES
from tests.support.small_losses import build, groups

METRIC = [name for name in LOSSES.names() if LOSSES.find(name).utts_per_speaker_needed > 1]


@pytest.mark.parametrize("name", METRIC)
def test_a_metric_loss_of_a_batch_without_pairs_is_0_with_gradients_of_0(name):
    for spk_id_B in (torch.arange(3), torch.zeros(1, dtype=torch.long)):
        loss = build(name, in_dim=4)
        embedding_BE = torch.randn(len(spk_id_B), 4, requires_grad=True)
        value, _ = loss(embedding_BE, spk_id_B)
        value.backward()
        assert value.item() == 0
        assert not embedding_BE.grad.any()


def triplet_distances(embedding_BE, spk_id_B, distance):
    """Every (anchor, positive) with its distance and those to all negatives, pair by pair."""
    for a, x in enumerate(embedding_BE):
        negatives = [
            distance(x, embedding_BE[n]) for n in range(len(spk_id_B)) if spk_id_B[n] != spk_id_B[a]
        ]
        for p in range(len(spk_id_B)):
            if p != a and spk_id_B[p] == spk_id_B[a]:
                yield a, distance(x, embedding_BE[p]), negatives


def euclidean(x, y):
    return (x / x.norm() - y / y.norm()).norm().item()


def cosine_distance(x, y):
    return 1 - (x @ y / x.norm() / y.norm()).item()


def expected_triplet_loss(pairs, margin, mining):
    """Loops over triplets, as the definition says."""
    if mining == "all":
        losses = [max(0, d_ap - d_an + margin) for _, d_ap, d_ans in pairs for d_an in d_ans]
    elif mining == "hardest":
        farthest, nearest = {}, {}
        for a, d_ap, d_ans in pairs:
            farthest[a], nearest[a] = max(d_ap, farthest.get(a, 0)), min(d_ans)
        losses = [max(0, farthest[a] - nearest[a] + margin) for a in farthest]
    else:
        losses = []
        for _, d_ap, d_ans in pairs:
            farther = [d_an for d_an in d_ans if d_an > d_ap]
            losses.append(max(0, d_ap - (min(farther) if farther else max(d_ans)) + margin))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("distance", [euclidean, cosine_distance])
@pytest.mark.parametrize("mining", ["all", "hardest", "semi_hard"])
def test_triplets_are_mined_as_defined(mining, distance):
    embedding_BE, spk_id_B = groups()
    name = "euclidean" if distance is euclidean else "cosine"
    loss = build("triplet", in_dim=4, margin=0.3, mining=mining, distance=name)
    pairs = list(triplet_distances(embedding_BE, spk_id_B, distance))
    expected = expected_triplet_loss(pairs, 0.3, mining)
    assert loss(embedding_BE, spk_id_B)[0].item() == pytest.approx(expected, rel=1e-4)


def ge2e_similarities(embedding_BE, spk_id_B, w=10.0, b=-5.0):
    """{utterance: {speaker: similarity}}, centroid by centroid."""
    speakers = spk_id_B.unique().tolist()
    rows = {}
    for i, x in enumerate(embedding_BE):
        rows[i] = {}
        for s in speakers:
            others = [
                y / y.norm() for j, y in enumerate(embedding_BE) if spk_id_B[j] == s and j != i
            ]
            rows[i][s] = w * (1 - cosine_distance(x, sum(others) / len(others))) + b
    return rows


@pytest.mark.parametrize("variant", ["softmax", "contrast"])
def test_ge2e_compares_each_utterance_with_each_centroid(variant):
    def sigmoid(z):
        return 1 / (1 + math.exp(-z))

    embedding_BE, spk_id_B = groups()
    losses = []
    for i, row in ge2e_similarities(embedding_BE, spk_id_B).items():
        own = row[spk_id_B[i].item()]
        others = [z for s, z in row.items() if s != spk_id_B[i]]
        if variant == "softmax":
            losses.append(math.log(sum(map(math.exp, row.values()))) - own)
        else:
            losses.append(1 - sigmoid(own) + max(map(sigmoid, others)))
    value, _ = build("ge2e", in_dim=4, variant=variant)(embedding_BE, spk_id_B)
    assert value.item() == pytest.approx(sum(losses) / 15, rel=1e-5)


def test_angular_prototypical_compares_each_first_utterance_with_the_mean_of_the_others():
    embedding_BE, spk_id_B = groups()
    embedding_SUE = embedding_BE.view(5, 3, 4)
    losses = []
    for s in range(5):
        similarity = [
            10 * (1 - cosine_distance(embedding_SUE[s, 0], embedding_SUE[k, 1:].mean(dim=0))) - 5
            for k in range(5)
        ]
        losses.append(math.log(sum(map(math.exp, similarity))) - similarity[s])
    value, _ = build("angular_prototypical", in_dim=4)(embedding_BE, spk_id_B)
    assert value.item() == pytest.approx(sum(losses) / 5, rel=1e-5)


@pytest.mark.parametrize("name", ["ge2e", "angular_prototypical"])
def test_speakers_with_one_utterance_are_not_queries(name):
    """A fourth speaker with one utterance: no query, and no prototype in angular_prototypical."""
    loss, (embedding_BE, spk_id_B) = build(name, in_dim=4), groups()
    more_BE = torch.cat([embedding_BE, -embedding_BE.sum(dim=0, keepdim=True)])
    value, _ = loss(more_BE, torch.cat([spk_id_B, torch.tensor([9])]))
    without, _ = loss(embedding_BE, spk_id_B)
    if name == "angular_prototypical":
        assert value.item() == pytest.approx(without.item(), rel=1e-5)
    else:  # its direction is one centroid more
        assert value.item() > without.item()


def test_the_scale_of_similarities_stays_positive():
    loss, batch = build("angular_prototypical", in_dim=4), groups()
    loss.w.data = torch.tensor(-3.0)
    assert loss(*batch)[0].item() == pytest.approx(math.log(5), rel=1e-4)


def test_prototypes_are_means_and_distances_squared():
    """Queries 0 and 10, prototypes 2 and 9: squared distances 4, 81; 64, 1."""
    embedding_BE = torch.tensor([[0.0], [1.0], [3.0], [10.0], [9.0]])
    value, _ = build("prototypical", in_dim=1)(embedding_BE, torch.tensor([0, 0, 0, 1, 1]))
    assert value.item() == pytest.approx(0.0, abs=1e-6)
    value, _ = build("prototypical", in_dim=1)(embedding_BE / 10, torch.tensor([0, 0, 0, 1, 1]))
    expected = (math.log(1 + math.exp(0.04 - 0.81)) + math.log(1 + math.exp(0.01 - 0.64))) / 2
    assert value.item() == pytest.approx(expected, rel=1e-4)


def test_contrastive_pairs_by_hand():
    """Points 0, 1 of a speaker and 4 of another: 1 apart; 4 and 3 apart, of margin 4."""
    loss = build(
        "contrastive", in_dim=1, normalize=False, positive_margin=0.25, negative_margin=4.0
    )
    value, _ = loss(torch.tensor([[0.0], [1.0], [4.0]]), torch.tensor([0, 0, 1]))
    assert value.item() == pytest.approx(0.75 + 1.0, rel=1e-4)


def test_a_margin_of_0_and_a_scale_of_1_give_the_plain_circle_loss():
    """s_p = 0, s_n = 1: log(1 + e^(1 * (1 - 0)) e^(-1 * (0 - 1)))"""
    loss = build("circle", margin=0.0, scale=1.0)
    embedding_BE = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    value, _ = loss(embedding_BE, torch.tensor([0, 0, 1]))
    first = math.log(1 + math.exp(1 + 1))
    second = math.log(1 + math.exp(0 + 1))  # its negative is at 90 degrees
    assert value.item() == pytest.approx((first + second) / 2, rel=1e-5)


def history_of(loss):
    """The embeddings and speakers that a loss remembers, in the order of the rows."""
    return [(row[:-1].tolist(), int(row[-1])) for row in loss.history_ME if row[-1] >= 0]


def test_the_hardest_utterances_are_searched_in_the_batch_and_in_earlier_batches():
    """By loops, over batches whose utterances are remembered as they were."""
    loss = build("triplet_history", in_dim=4, margin=0.3, normalize=False, distance="euclidean")
    generator = torch.Generator().manual_seed(5)
    seen = []
    for _ in range(4):
        embedding_BE = torch.randn(6, 4, generator=generator)
        spk_id_B = torch.randint(3, (6,), generator=generator)
        batch = list(zip(embedding_BE, spk_id_B.tolist(), strict=True))
        losses = []
        for i, (x, s) in enumerate(batch):
            others = [pair for j, pair in enumerate(batch) if j != i] + seen
            positive = [(x - y).norm().item() for y, t in others if t == s]
            negative = [(x - y).norm().item() for y, t in others if t != s]
            if positive and negative:
                losses.append(max(0, max(positive) - min(negative) + 0.3))
        value, _ = loss(embedding_BE, spk_id_B)
        assert value.item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)
        seen += batch


def test_the_history_holds_the_last_utterances_and_only_those_of_training():
    loss = build("triplet_history", in_dim=1, history_utts=3, normalize=False)
    for number in range(5):
        loss(torch.full((1, 1), float(number)), torch.tensor([number]))
    assert sorted(history_of(loss)) == [([2.0], 2), ([3.0], 3), ([4.0], 4)]
    loss.eval()(torch.full((1, 1), 9.0), torch.tensor([9]))
    assert ([9.0], 9) not in history_of(loss)
    loss.train()(torch.arange(7.0)[:, None], torch.arange(7))  # more than it can hold
    assert sorted(history_of(loss)) == [([4.0], 4), ([5.0], 5), ([6.0], 6)]


def test_embeddings_that_are_not_finite_do_not_enter_the_history():
    loss = build("triplet_history", in_dim=1, normalize=False)
    loss(torch.tensor([[1.0], [float("nan")], [float("inf")]]), torch.tensor([0, 1, 2]))
    assert history_of(loss) == [([1.0], 0)]


def test_before_its_start_the_history_is_filled_but_not_searched():
    early, late = (build("triplet_history", in_dim=4, history_start_epoch=e) for e in (2.0, 0.0))
    batch = groups()
    for loss in (early, late):
        loss.set_epoch(1.0)
        loss(-batch[0], batch[1])
    assert early(*batch)[0].item() < late(*batch)[0].item()
    early.set_epoch(2.0)
    again = build("triplet_history", in_dim=4)
    again.load_state_dict(early.state_dict())
    assert early(*batch)[0].item() == again(*batch)[0].item() > 0


def test_the_gradient_of_a_triplet_goes_through_the_batch_alone():
    loss = build("triplet_history", in_dim=4)
    embedding_BE, spk_id_B = groups()
    loss(embedding_BE, spk_id_B)
    embedding_BE.requires_grad_()
    loss(embedding_BE, spk_id_B)[0].backward()
    assert embedding_BE.grad.isfinite().all() and embedding_BE.grad.any()
    assert not loss.history_ME.requires_grad


def test_a_supervised_contrastive_loss_by_hand():
    """Cosines of the pair 1, and 0 with the other: 1 of 2 utterances, each with temperature 1."""
    embedding_BE = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    spk_id_B = torch.tensor([0, 0, 1])
    for among in ("all", "negatives"):
        loss = build("supervised_contrastive", temperature=1.0, among=among)
        value, _ = loss(embedding_BE, spk_id_B)
        assert value.item() == pytest.approx(math.log(1 + math.exp(-1)), rel=1e-5)


def test_the_sum_over_negatives_leaves_out_the_other_positives():
    """Three equal utterances of a speaker, and one at 90 degrees."""
    embedding_BE = torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    batch = embedding_BE, torch.tensor([0, 0, 0, 1])
    e = math.e
    for among, expected in (("all", math.log(2 * e + 1) - 1), ("negatives", math.log(e + 1) - 1)):
        loss = build("supervised_contrastive", temperature=1.0, among=among)
        assert loss(*batch)[0].item() == pytest.approx(expected, rel=1e-5)


def test_a_learned_distance_is_the_mean_of_a_network_on_both_orders_of_a_pair():
    loss, (embedding_BE, spk_id_B) = build("learned_distance", in_dim=4, hidden_dim=5), groups()
    z_AA = loss.similarity(embedding_BE)

    def network(x, y):
        return loss.rest(loss.first(torch.cat([x, y])))

    near, far = [], []
    for i, x in enumerate(embedding_BE):
        for j, y in enumerate(embedding_BE):
            z = (network(x, y) + network(y, x)).item() / 2
            assert z_AA[i, j].item() == pytest.approx(z, abs=1e-5)
            if spk_id_B[i] != spk_id_B[j]:
                far.append(math.log(1 + math.exp(z)))
            elif i != j:
                near.append(math.log(1 + math.exp(-z)))
    expected = (sum(near) / len(near) + sum(far) / len(far)) / 2
    assert loss(embedding_BE, spk_id_B)[0].item() == pytest.approx(expected, rel=1e-4)
