"""Mixes of chunks with two speakers: features, shares, lengths and losses."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steps_py.errors import ConfigError
from steps_py.model.registries import LOSSES, MIXES
from steps_py.recipe.checks.train import check_mixes
from steps_py.training.mixes.base import partners
from steps_py.training.registered import registered
from tests.support.small_training import small_run, small_sections, write_small_chunks

MIXING = [name for name in LOSSES.names() if LOSSES.find(name).mixes]
LENGTHS = torch.tensor([10, 7, 9, 10, 3, 8])


def mix_of(name, group_size=1, batch_size=6, **keys):
    sizes = {"batch_size": batch_size, "group_size": group_size, "seed": 1}
    return MIXES.build({"name": name, "alpha": 1.0, **keys}, **sizes)


def draw_batch():
    """Six chunks of different lengths, padded with zeros, of six speakers."""
    generator = torch.Generator().manual_seed(1)
    x_BTD = torch.rand(6, 10, 3, generator=generator) + 1
    x_BTD[torch.arange(10) >= LENGTHS[:, None]] = 0
    return x_BTD, torch.arange(6), LENGTHS


def test_mixup_is_the_weighted_mean_of_neighbours_as_long_as_the_shorter_one():
    x_BTD, spk_id_B, _ = draw_batch()
    (mixed_BTD, same, length_B), (other_B, share_B) = mix_of("mixup").apply(5, 0, *draw_batch())
    assert same.equal(spk_id_B) and other_B.tolist() == [1, 0, 3, 2, 5, 4]
    assert length_B.tolist() == [7, 7, 9, 9, 3, 3]
    for b in range(6):
        share, until = share_B[b], length_B[b]
        expected_TD = share * x_BTD[b] + (1 - share) * x_BTD[other_B[b]]
        assert torch.allclose(mixed_BTD[b, :until], expected_TD[:until])
        assert not mixed_BTD[b, until:].any()
    assert ((share_B > 0) & (share_B < 1)).all() and len(share_B.unique()) == 6


@given(step=st.integers(0, 50), alpha=st.sampled_from([0.1, 1.0, 5.0]))
def test_cutmix_replaces_a_range_of_real_frames_and_counts_them(step, alpha):
    x_BTD, _, _ = draw_batch()
    mixed, (other_B, share_B) = mix_of("cutmix", alpha=alpha).apply(step, 0, *draw_batch())
    mixed_BTD, _, length_B = mixed
    assert length_B.equal(LENGTHS)
    for b in range(6):
        replaced_T = (mixed_BTD[b] != x_BTD[b]).any(dim=1)
        assert torch.equal(mixed_BTD[b][replaced_T], x_BTD[other_B[b]][replaced_T])
        places = replaced_T.nonzero().flatten()
        if len(places):
            assert places[-1] - places[0] + 1 == len(places)
            assert places[-1] < min(length_B[b], length_B[other_B[b]])
        assert share_B[b].item() == pytest.approx(1 - len(places) / length_B[b].item())


@pytest.mark.parametrize("name", MIXES.names())
def test_a_mix_depends_on_the_step_and_not_on_the_number_of_processes(name):
    whole, targets = mix_of(name).apply(3, 0, *draw_batch())
    pieces = [slice(0, 2), slice(2, 6)]
    parts = [mix_of(name).apply(3, p.start, *(x[p] for x in draw_batch())) for p in pieces]
    for number in range(3):
        assert whole[number].equal(torch.cat([batch[number] for batch, _ in parts]))
    assert targets.share_B.equal(torch.cat([own.share_B for _, own in parts]))
    _, later = mix_of(name).apply(4, 0, *draw_batch())
    assert not later.share_B.equal(targets.share_B)


@pytest.mark.parametrize("name", MIXES.names())
def test_with_probability_0_chunks_stay_as_they_are(name):
    batch, (_, share_B) = mix_of(name, probability=0.0).apply(3, 0, *draw_batch())
    assert all(got.equal(expected) for got, expected in zip(batch, draw_batch(), strict=True))
    assert share_B.eq(1).all()


@given(size=st.integers(1, 30), group_size=st.integers(1, 5))
def test_every_chunk_is_the_partner_of_one_chunk(size, group_size):
    partner_B = partners(size, group_size)
    assert sorted(partner_B) == list(range(size))
    whole = size - size % (2 * group_size)
    speaker_B = np.arange(size) // group_size
    assert (speaker_B[partner_B] != speaker_B)[:whole].all()


@pytest.mark.parametrize("name", MIXING)
def test_the_loss_of_a_mixed_chunk_is_the_weighted_sum_of_two(name):
    """In eval mode, as the batch norm of a head would see other batches."""
    torch.manual_seed(0)
    loss = LOSSES.build({"name": name}, in_dim=4, num_speakers=5).eval()
    x_BE, first_B, second_B = torch.randn(3, 4), torch.tensor([0, 1, 2]), torch.tensor([3, 4, 1])
    share_B = torch.tensor([0.9, 0.3, 1.0])
    weights = 2 * torch.cat([share_B, 1 - share_B])
    value, _ = loss(x_BE.repeat(2, 1), torch.cat([first_B, second_B]), weights)

    def alone(b, spk_id_B):
        return loss(x_BE[b : b + 1], spk_id_B[b : b + 1])[0]

    expected = sum(
        share_B[b] * alone(b, first_B) + (1 - share_B[b]) * alone(b, second_B) for b in range(3)
    )
    assert value.item() == pytest.approx(expected.item() / 3, rel=1e-5)


def test_every_loss_that_classifies_can_be_mixed():
    classifying = {name for name in LOSSES.names() if LOSSES.find(name).classifies}
    assert classifying - set(MIXING) == {"weighted_sum"}  # if both of its losses can


def test_a_loss_that_compares_chunks_is_refused_with_a_mix(tmp_path):
    chunks_dir = write_small_chunks(tmp_path)
    triplet = {"name": "weighted_sum", "metric": {"name": "triplet"}}
    groups = {"name": "speaker_groups", "utts_per_speaker": 2}
    sections = small_sections(loss=triplet, sampler=groups, mix={"name": "mixup"})
    with pytest.raises(ConfigError, match="mix 'mixup' gives chunks two speakers, but loss"):
        small_run(chunks_dir, tmp_path / "out", sections)


@pytest.mark.parametrize(
    "loss, fits",
    [
        ({"name": "softmax"}, True),
        ({"name": "ge2e"}, False),
        ({"name": "entropy"}, False),
        ({"name": "weighted_sum", "metric": {"name": "center"}}, True),
        ({"name": "weighted_sum"}, False),  # its default is a triplet loss
    ],
)
def test_the_checks_of_a_recipe_say_which_losses_fit_a_mix(loss, fits):
    train = {"loss": loss, "mix": {"name": "cutmix"}, "stages": []}
    faults = list(check_mixes({"train": train}, registered()))
    assert not faults if fits else faults[0].startswith("'train.mix.name' is 'cutmix', which gives")
