"""Every objective: resumed to the bit, and the same in two processes as in one."""

import pytest
import torch

from steps_py.model.layers.norm import MaskedBatchNorm
from steps_py.model.registries import OBJECTIVES
from tests.support.small_training import (
    assert_same,
    result,
    run_cut_off,
    small_run,
    small_sections,
)
from tests.training.test_processes import NO_NORM, run_two

OPTIONS = {"wasserstein": {"hidden_dims": [16], "lr_factor": 0.1, "weight": 1.0}}
UNLABELLED = {"set": "adapt", "batch_size": 4}


def objective_of(name, **keys):
    return {"name": name, **OPTIONS.get(name, {}), **keys}


def all_objectives():
    """All at once; those of domains, with a table and with unlabelled chunks.

    Without dino, which reads chunks of one length and measures those of each process.
    """
    own = {name: objective_of(name) for name in OBJECTIVES.names() if name != "dino"}
    of_domains = [name for name in own if OBJECTIVES.find(name).uses_unlabelled is None]
    tables = {f"{name}_table": objective_of(name, labels="domain") for name in of_domains}
    return own | tables


def test_a_training_with_all_objectives_is_resumed_to_the_bit(material, with_data, tmp_path):
    sections = with_data(
        small_sections(
            chunks={"vary_within_batch": True},
            objectives=all_objectives(),
            unlabelled=UNLABELLED,
            spec_augment={},
            optimizer={"name": "adam", "lr": 0.01},
            checkpoint_minutes=1e-9,
            steps_per_epoch=4,
        )
    )
    small_run(material / "chunks", tmp_path / "whole", sections)
    run_cut_off(material / "chunks", tmp_path / "cut off", sections, [2, 3])
    assert_same(tmp_path / "cut off", result(tmp_path / "whole"))
    header, *rows = (tmp_path / "whole/epochs.tsv").read_text().splitlines()
    for row in rows:
        fields = dict(zip(header.split("\t"), row.split("\t"), strict=True))
        assert all(fields[f"objective_{name}"] for name in all_objectives())


def means_of(x):
    """Of each channel of (N, C) or (B, C, T)."""
    return x.transpose(0, 1).flatten(1).mean(dim=1)


def test_an_average_has_the_batch_norm_of_labelled_and_unlabelled_chunks(
    material, with_data, tmp_path
):
    """Its recomputed statistics are the mean over the next batches of those of both."""
    sections = with_data(
        small_sections(
            objectives={"alike": {"name": "coral"}},
            unlabelled=UNLABELLED,
            average_epochs=2,
            steps_per_epoch=2,
        )
    )
    _, (trainer,) = small_run(material / "chunks", tmp_path, sections)
    model, means = trainer.network.model, []
    (first, *_) = [m for m in model.modules() if isinstance(m, MaskedBatchNorm)]
    first.register_forward_hook(lambda module, args, out: means.append(means_of(args[0])))
    for step in range(trainer.num_steps, trainer.num_steps + 2):
        x_BTD, _, x_NTD, _ = map(torch.from_numpy, trainer.read_batch(step))
        with torch.no_grad():
            model(torch.cat([x_BTD, x_NTD]))
    expected = torch.stack(means).mean(dim=0)
    assert torch.allclose(first.running_mean, expected, atol=1e-5)


def test_the_weights_of_an_objective_are_continued_in_the_next_stage(material, with_data, tmp_path):
    domain = {"name": "head", "labels": "domain"}
    stages = [
        {"num_epochs": 1, "objectives": {"kept": domain, "other": domain}},
        {
            "num_epochs": 1,
            "objectives": {"kept": domain, "other": domain | {"loss": {"name": "am_softmax"}}},
        },
    ]
    starts = []

    def note(trainer):
        states = (o.state_dict() for o in trainer.network.terms.objectives)
        starts.append([{name: x.clone() for name, x in state.items()} for state in states])

    sections = with_data(small_sections(stages=stages, steps_per_epoch=2))
    messages, trainers = small_run(material / "chunks", tmp_path, sections, note)
    ends = [o.state_dict() for o in trainers[0].network.terms.objectives]
    assert all(x.equal(starts[1][0][name]) for name, x in ends[0].items())
    said = "train: objective 'other' has other weights than before; drawn at random"
    assert messages.count(said) == 1


def test_two_processes_give_the_result_of_one_with_all_objectives(material, with_data, tmp_path):
    sections = with_data(
        small_sections(
            model=NO_NORM,
            sync_batch_norm=True,  # of the heads
            num_epochs=1,
            steps_per_epoch=3,
            objectives=all_objectives(),
            unlabelled=UNLABELLED,
        )
    )
    small_run(material / "chunks", tmp_path / "one", sections)
    run_two(material / "chunks", tmp_path / "two", sections)
    one, two = result(tmp_path / "one"), result(tmp_path / "two")
    for name, weight in one[0].items():
        assert weight.numpy() == pytest.approx(two[0][name].numpy(), abs=2e-4), name
    values, others = ([field for field in out[1][1] if field] for out in (one, two))
    assert list(map(float, values)) == pytest.approx(list(map(float, others)), rel=1e-3)
