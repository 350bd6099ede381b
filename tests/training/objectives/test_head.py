"""Heads: losses of speakers and of other labels on the inner and outer embedding."""

import dataclasses

import pytest
import torch

from steps_py.chunks.allocation import Chunks
from steps_py.errors import ConfigError, DataDirError
from tests.support.small_training import (
    SECTIONS,
    assert_same,
    result,
    run_cut_off,
    small_run,
    small_sections,
)

TWO_EMBEDDINGS = dataclasses.replace(SECTIONS["model"], inner_dim=6)
MULTITASK = {
    "inner_triplet": {
        "name": "head",
        "embedding": "inner",
        "loss": {"name": "triplet", "margin": 0.3},
        "weight": 0.5,
    },
    "domain": {"name": "head", "labels": "domain", "start_epoch": 1, "warmup_epochs": 0.5},
}
GROUPS = {"name": "speaker_groups", "utts_per_speaker": 2}


def first_trainer(material, sections, out_dir):
    """The Trainer before its first step."""
    trainers = []

    def stop(trainer):
        trainers.append(trainer)
        raise StopIteration

    with pytest.raises(StopIteration):
        small_run(material / "chunks", out_dir, sections, stop)
    return trainers[0]


def test_the_loss_is_the_sum_of_the_weighted_losses_of_both_embeddings(
    material, with_data, tmp_path
):
    sections = with_data(small_sections(model=TWO_EMBEDDINGS, objectives=MULTITASK, sampler=GROUPS))
    trainer = first_trainer(material, sections, tmp_path)
    network, epoch = trainer.network, 1.25
    x_BTD, spk_id_B, domain_B = map(torch.from_numpy, trainer.read_batch(0))
    network.set_train_mode(epoch)
    network.terms.start_step(0, epoch, 1.0)
    total, _, values = network.compute_with_terms(0, (domain_B,), x_BTD, spk_id_B)
    outer_BE, inner_BE = network.model.embeddings(x_BTD)
    domain, triplet = (objective.loss for objective in network.terms.objectives)
    terms = [domain(outer_BE, domain_B)[0], triplet(inner_BE, spk_id_B)[0]]
    expected = network.loss(outer_BE, spk_id_B)[0] + 0.5 * terms[0] + 0.5 * terms[1]
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert values.tolist() == pytest.approx([term.item() for term in terms], rel=1e-5)


def test_labels_are_those_of_the_utterances_of_the_batch(material, with_data, tmp_path):
    sections = with_data(small_sections(objectives={"domain": MULTITASK["domain"]}))
    trainer = first_trainer(material, sections, tmp_path)
    utts_of_rows = Chunks(material / "chunks/train.tsv").utts
    table = dict(line.split() for line in (material / "data/utt2domain").read_text().splitlines())
    for step in range(3):
        *_, domain_B = trainer.read_batch(step)
        utts = [utts_of_rows[row] for row in trainer.sampler.batch(step).rows_B]
        assert [("book", "phone")[i] for i in domain_B] == [table[utt] for utt in utts]


def test_a_training_with_heads_is_resumed_to_the_bit(material, with_data, tmp_path):
    """Also in the middle of an epoch, and the mean values of the terms with it."""
    sections = with_data(
        small_sections(
            model=TWO_EMBEDDINGS,
            objectives=MULTITASK,
            sampler=GROUPS,
            accumulate_steps=2,
            checkpoint_minutes=1e-9,
        )
    )
    small_run(material / "chunks", tmp_path / "whole", sections)
    run_cut_off(material / "chunks", tmp_path / "cut off", sections, [2, 6])
    assert_same(tmp_path / "cut off", result(tmp_path / "whole"))
    header, first, second = (tmp_path / "whole/epochs.tsv").read_text().splitlines()
    columns = header.split("\t")
    domain, triplet = map(columns.index, ("objective_domain", "objective_inner_triplet"))
    assert first.split("\t")[domain] == "" and float(second.split("\t")[domain]) > 0
    assert float(first.split("\t")[triplet]) > 0


def test_a_training_without_objectives_has_the_checkpoint_of_before(material, tmp_path):
    trainer = first_trainer(material, small_sections(), tmp_path)
    assert not [key for key in trainer.settings if "objective" in key or "unlabelled" in key]
    assert not {"objectives", "own_optimizers", "terms"} & trainer.state().keys()


def test_an_utterance_without_a_label_is_named(material, with_data, tmp_path):
    sections = with_data(small_sections(objectives={"domain": MULTITASK["domain"]}))
    table = material / "data/utt2domain"
    lines = table.read_text().splitlines(keepends=True)
    lost = lines[20].split()[0]
    table.write_text("".join(lines[:20] + lines[21:]))
    try:
        with pytest.raises(DataDirError, match=f"no label of 1 of .* training.*{lost}"):
            small_run(material / "chunks", tmp_path, sections)
    finally:
        table.write_text("".join(lines))


@pytest.mark.parametrize(
    "objective, message",
    [
        ({"name": "head", "embedding": "inner"}, "model.inner_dim is null. Set model.inner_dim"),
        ({"name": "head", "labels": "accent"}, "utt2accent is not there. Write a line"),
    ],
)
def test_what_is_missing_is_refused(material, with_data, tmp_path, objective, message):
    sections = with_data(small_sections(objectives={"own": objective}))
    with pytest.raises(ConfigError, match=r"train.objectives.own: .*" + message):
        small_run(material / "chunks", tmp_path, sections)
