"""Self-distillation: crops, the teacher, its targets, and a training without speaker labels."""

import math

import numpy as np
import pytest
import torch

from steps_py.chunks.allocation import Chunks
from steps_py.errors import ConfigError
from steps_py.model.extractor import load_extractor
from steps_py.training.objectives.dino import entropy, self_distillation_loss
from tests.support.small_training import (
    assert_same,
    result,
    run_cut_off,
    small_run,
    small_sections,
)
from tests.training.objectives.test_head import first_trainer

DINO = {
    "name": "dino",
    "num_short_crops": 2,
    "short_frames": 16,
    "hidden_dim": 12,
    "bottleneck_dim": 6,
    "num_prototypes": 10,
    "teacher_momentum": 0.5,
    "frozen_prototypes_epochs": 0.5,
}
NO_LABELS = {"loss": {"name": "none"}, "sampler": {"name": "uniform"}}


def dino_sections(chunks=(), dino=(), **train):
    return small_sections(chunks, **NO_LABELS | {"objectives": {"own": DINO | dict(dino)}} | train)


def cross_entropy(target, logits, temperature):
    """Of the definition, for one chunk."""
    exponentials = [math.exp(x / temperature) for x in logits]
    return -sum(
        p * math.log(e / sum(exponentials)) for p, e in zip(target, exponentials, strict=True)
    )


def test_each_target_is_compared_with_all_other_crops():
    random = np.random.default_rng(1)
    student_VBP = random.normal(size=(4, 3, 5))
    target_2BP = random.dirichlet(np.ones(5), size=(2, 3))
    terms = [
        cross_entropy(target_2BP[t, b], student_VBP[v, b], 0.5)
        for t in range(2)
        for v in range(4)
        if v != t
        for b in range(3)
    ]
    loss = self_distillation_loss(torch.tensor(student_VBP), torch.tensor(target_2BP), 0.5)
    assert loss.item() == pytest.approx(np.mean(terms), rel=1e-9)


def test_crops_are_parts_of_the_utterances_of_the_batch(material, tmp_path):
    """Each frame of a crop is a frame of its utterance; they differ, and are the same again."""
    trainer = first_trainer(material, dino_sections({"short_utts": "tile"}), tmp_path)
    batch = trainer.sampler.batch(3)
    chunk_BTD, _, long_BTD, short_BSTD = trainer.read_batch(3)
    again = trainer.read_batch(3)
    assert all(np.array_equal(a, b) for a, b in zip(again[2:], (long_BTD, short_BSTD), strict=True))
    assert long_BTD.shape == chunk_BTD.shape
    assert short_BSTD.shape == (8, 2, 16, chunk_BTD.shape[2])
    assert not np.array_equal(long_BTD, chunk_BTD)
    features = trainer.reader._features
    for b, row in enumerate(batch.rows_B):
        frames = {x_D.tobytes() for x_D in features.read(row)}
        for crop_TD in (long_BTD[b], *short_BSTD[b]):
            assert {x_D.tobytes() for x_D in crop_TD} <= frames


def test_the_share_of_a_process_has_the_crops_of_the_whole_batch(material, tmp_path):
    trainer = first_trainer(material, dino_sections(), tmp_path)
    crops = trainer.network.terms.objectives[0]._crops
    batch = trainer.sampler.batch(2)
    whole = crops.read(batch, [20, 16])
    halves = [crops.read(batch.shard(rank, 2), [20, 16]) for rank in range(2)]
    for number, expected in enumerate(whole):
        joined = np.concatenate([half[number] for half in halves])
        assert np.array_equal(joined, expected)


def test_the_teacher_is_an_average_of_the_students_weights(material, tmp_path):
    """Momentum 0.5 at epoch 0: after the step it is the mean of the first two students."""
    trainer = first_trainer(material, dino_sections(), tmp_path)
    own = trainer.network.terms.objectives[0]

    def weights(model):
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    before = weights(trainer.network.model)
    trainer.take_step(*map(torch.from_numpy, trainer.read_batch(0)))
    assert torch.equal(weights(own.teacher[0]), before)
    after = weights(trainer.network.model)
    share = own.momentum()
    trainer.take_step(*map(torch.from_numpy, trainer.read_batch(1)))
    expected = before + (1 - own.momentum()) * (after - before)
    assert share == 0.5 < own.momentum()
    torch.testing.assert_close(weights(own.teacher[0]), expected)
    assert not any(p.requires_grad for p in own.teacher.parameters())
    own.set_epoch(2)
    assert own.momentum() == 1


def test_targets_are_centred_and_sharpened(material, tmp_path):
    """The temperature rises from 0.3 to 0.5 in half of the two epochs."""
    rise = {
        "teacher_temperature_start": 0.3,
        "teacher_temperature": 0.5,
        "teacher_temperature_warmup": 0.5,
    }
    trainer = first_trainer(material, dino_sections(dino=rise), tmp_path)
    own = trainer.network.terms.objectives[0]
    temperatures = []
    for epoch in (0, 0.5, 1, 2):
        own.set_epoch(epoch)
        temperatures.append(own.teacher_temperature())
    assert temperatures == pytest.approx([0.3, 0.4, 0.5, 0.5])
    own.centre_P[:2] = torch.tensor([1.0, -1.0])
    logits = torch.zeros(2, 1, 10)
    expected = torch.exp(torch.tensor([-2.0, 2.0, *[0.0] * 8]))
    torch.testing.assert_close(own.targets(logits)[0, 0], expected / expected.sum())
    own._move_centre(torch.ones(2, 1, 10))
    assert own.centre_P[:3].tolist() == pytest.approx([1.0, -0.8, 0.1])


def test_prototypes_are_frozen_at_first(material, tmp_path):
    trainer = first_trainer(material, dino_sections(), tmp_path)
    head = trainer.network.terms.objectives[0].head
    before = head.prototypes.detach().clone()
    for step in range(4):  # half an epoch is three steps
        assert torch.equal(head.prototypes, before)
        trainer.take_step(*map(torch.from_numpy, trainer.read_batch(step)))
    assert not torch.equal(head.prototypes, before)


def test_no_speaker_label_is_used(material, tmp_path):
    """A training list with shuffled speakers gives the same weights, to the bit."""
    shuffled = tmp_path / "chunks"
    shuffled.mkdir()
    for name in ("train", "valid", "valid_speakers"):
        header, *rows = (material / f"chunks/{name}.tsv").read_text().splitlines()
        fields = [row.split("\t") for row in rows]
        ids = [row[1] for row in fields]
        if name == "train":
            np.random.default_rng(1).shuffle(ids)
        lines = ["\t".join([row[0], i, *row[2:]]) for row, i in zip(fields, ids, strict=True)]
        (shuffled / f"{name}.tsv").write_text("\n".join([header, *lines]) + "\n")
    before, after = (Chunks(f / "train.tsv").spk_id_U for f in (material / "chunks", shuffled))
    assert (before != after).sum() > len(before) / 2
    sections = dino_sections(average={"name": "ema", "decay": 0.5})
    networks = []
    for number, folder in enumerate((material / "chunks", shuffled)):
        small_run(folder, tmp_path / str(number), sections)
        networks.append(load_extractor(tmp_path / str(number) / "final.pt").model.state_dict())
    first, second = networks
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_pretraining_is_resumed_to_the_bit_and_followed_by_a_training_with_speakers(
    material, tmp_path
):
    supervised = {
        "loss": {"name": "softmax"},
        "sampler": {"name": "balanced"},
        "objectives": {},
        "new_head": True,
        "num_epochs": 1,
    }
    sections = dino_sections(
        spec_augment={"max_time_frames": 3, "max_freq_bins": 2},
        checkpoint_minutes=1e-9,
        stages=[{}, supervised],
    )
    messages, _ = small_run(material / "chunks", tmp_path / "whole", sections)
    run_cut_off(material / "chunks", tmp_path / "cut off", sections, [2, 3, 9])
    assert_same(tmp_path / "cut off", result(tmp_path / "whole"))
    header, first, _, last = (tmp_path / "whole/epochs.tsv").read_text().splitlines()
    row = dict(zip(header.split("\t"), first.split("\t"), strict=True))
    for measure in ("teacher_entropy", "batch_entropy"):
        assert 0 < float(row[f"objective_own_{measure}"]) <= math.log(10) + 1e-6
    assert float(row["objective_own_teacher_entropy"]) < float(row["objective_own_batch_entropy"])
    assert 0 < float(row["objective_own_embedding_std"]) <= 1
    assert float(dict(zip(header.split("\t"), last.split("\t"), strict=True))["train_accuracy"]) > 0
    assert any("own_teacher_entropy" in line for line in messages)


@pytest.mark.parametrize(
    "means, said",
    [
        ((2.30, 2.30, 0.5), "nearly uniform (entropy 2.30 of 2.30 nats)"),
        ((0.0, 0.0, 0.5), "all chunks have the same target"),
        ((0.7, 1.5, 0.001), "all x-vectors have nearly the same direction (spread 0.0010 of 1)"),
    ],
)
def test_a_collapse_is_noticed(material, tmp_path, means, said):
    own = first_trainer(material, dino_sections(), tmp_path).network.terms.objectives[0]
    lines = own.warnings(dict(zip(own.measures, means, strict=True)))
    assert len(lines) == 1 and said in lines[0]
    assert own.warnings(dict(zip(own.measures, (0.7, 1.5, 0.5), strict=True))) == []


def test_the_entropy_of_equal_probabilities_is_the_logarithm_of_their_number():
    assert entropy(torch.full((1, 8), 1 / 8)).item() == pytest.approx(math.log(8))


@pytest.mark.parametrize(
    "chunks, dino, message",
    [
        ({"vary_within_batch": True}, {}, "vary_within_batch is true. Set it to false"),
        ({}, {"short_frames": 3}, "short_frames is 3, but the receptive field of the network is"),
    ],
)
def test_what_does_not_fit_is_refused(material, tmp_path, chunks, dino, message):
    with pytest.raises(ConfigError, match=message):
        small_run(material / "chunks", tmp_path, dino_sections(chunks, dino))
