"""Initial weights, stages, frozen modules and weight averaging."""

import dataclasses
import shutil

import pytest
import torch

from steps_py.chunks.allocation import Chunks
from steps_py.errors import ConfigError, StepsError
from steps_py.model.build import build_model
from steps_py.model.model_file import write_model_file
from steps_py.training.averages.ema import Ema
from steps_py.training.averages.swa import Swa
from steps_py.training.averaging import recompute_statistics
from steps_py.training.config import split_stages
from steps_py.training.sampling import check_samplers
from tests.support.small_training import (
    SECTIONS,
    assert_same,
    result,
    run_cut_off,
    small_run,
    small_sections,
    write_small_chunks,
)

SOFTMAX = {"name": "softmax", "hidden_dim": 8}
AAM = {"name": "aam_softmax", "scale": 15}


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    return write_small_chunks(tmp_path_factory.mktemp("stages"))


@pytest.fixture(scope="module")
def trained(chunks_dir, tmp_path_factory):
    """The folder of a finished training."""
    out_dir = tmp_path_factory.mktemp("trained")
    small_run(chunks_dir, out_dir, small_sections(loss=AAM))
    return out_dir


def snapshots(into):
    """Put copies of the network before each step into the list `into`."""

    def change(trainer):
        take_step = trainer.take_step

        def look_and_take_step(*batch):
            into.append(trainer.network.copy_state())
            take_step(*batch)

        trainer.take_step = look_and_take_step

    return change


def changed(before, after, part):
    return {name for name in before[part] if not torch.equal(before[part][name], after[part][name])}


def test_a_training_is_initialised_from_another(chunks_dir, trained, tmp_path):
    seen = []
    init = {"model": str(trained / "final.pt")}
    messages, _ = small_run(
        chunks_dir, tmp_path, small_sections(loss=AAM, init=init), snapshots(seen)
    )
    weights, _ = result(trained)
    assert all(torch.equal(seen[0]["model"][name], x) for name, x in weights.items())
    head = torch.load(trained / "head.pt", weights_only=True)["loss"]
    assert all(torch.equal(seen[0]["loss"][name], x) for name, x in head.items())
    assert f"train: initialised from {trained / 'final.pt'} and its head" in messages


def test_a_head_that_is_not_read_is_reported(chunks_dir, trained, tmp_path):
    seen = []
    init = {"model": str(trained / "final.pt"), "without_head": True}
    sections = small_sections(loss=SOFTMAX, init=init)
    messages, _ = small_run(chunks_dir, tmp_path, sections, snapshots(seen))
    weights, _ = result(trained)
    assert all(torch.equal(seen[0]["model"][name], x) for name, x in weights.items())
    assert any("the head is initialised at random (without_head)" in line for line in messages)


def test_a_head_of_other_speakers_is_refused(chunks_dir, trained, tmp_path):
    init = {"model": str(trained / "final.pt")}
    with pytest.raises(
        ConfigError,
        match=r"its 7 speakers are not the 7 of the training list\. Set .*without_head: true",
    ):
        others = [f"other{i}" for i in range(7)]
        small_run(chunks_dir, tmp_path, small_sections(loss=AAM, init=init), speakers=others)


@pytest.mark.parametrize(
    "loss, model, message",
    [
        (SOFTMAX, None, "head.pt: does not fit (layers"),
        (AAM, {"embedding_dim": 9}, "final.pt: does not fit (embedding.bias is [8], here [9]"),
    ],
)
def test_weights_that_do_not_fit_are_errors(chunks_dir, trained, tmp_path, loss, model, message):
    model = dataclasses.replace(SECTIONS["model"], **model or {})
    sections = small_sections(model=model, loss=loss, init={"model": str(trained / "final.pt")})
    with pytest.raises(StepsError) as error:
        small_run(chunks_dir, tmp_path, sections)
    assert message in str(error.value)


def test_a_changed_initial_model_starts_from_the_beginning(chunks_dir, trained, tmp_path):
    model = tmp_path / "final.pt"
    for name in ("final.pt", "head.pt"):
        shutil.copy(trained / name, tmp_path / name)
    sections = small_sections(loss=AAM, init={"model": str(model)})
    _, (first,) = small_run(chunks_dir, tmp_path / "a", sections)
    saved = torch.load(model, weights_only=True)
    saved["model"]["embedding.bias"] += 1
    write_model_file(model, "model", saved)
    _, (second,) = small_run(chunks_dir, tmp_path / "b", sections)
    assert first.settings != second.settings


def test_a_missing_initial_model_is_an_error(chunks_dir, tmp_path):
    sections = small_sections(init={"model": str(tmp_path / "nowhere.pt")})
    with pytest.raises(ConfigError, match=r"train\.init: .*nowhere\.pt is not there\. Train that"):
        small_run(chunks_dir, tmp_path, sections)


STAGES = [
    {"loss": SOFTMAX, "num_epochs": 1},
    {"loss": AAM, "new_head": True, "min_frames": 30, "max_frames": 40},
    {"num_epochs": 1, "loss": AAM | {"margin": 0.5}, "optimizer": {"name": "sgd", "lr": 1e-4}},
]


def test_each_stage_starts_from_the_weights_of_the_one_before(chunks_dir, tmp_path):
    """Softmax, then a margin with a new head and longer chunks, then a larger margin."""
    seen = [[], [], []]
    messages, trainers = small_run(
        chunks_dir,
        tmp_path,
        small_sections(stages=STAGES),
        lambda trainer: snapshots(seen[trainer.stage - 1])(trainer),
    )
    ends = [trainer.network.copy_state() for trainer in trainers]
    for number in (1, 2):
        assert not changed(ends[number - 1], seen[number][0], "model")
    assert not changed(ends[1], seen[2][0], "loss")
    assert "train: stage 2: the head is initialised at random (new_head)" in messages
    assert [len(steps) for steps in seen] == [6, 12, 6]
    rows = result(tmp_path)[1]
    assert [row[:2] for row in rows[1:]] == [["1", "1"], ["2", "1"], ["2", "2"], ["3", "1"]]
    lengths = {trainers[1].sampler.batch(step).num_frames for step in range(12)}
    assert min(lengths) >= 30 and max(lengths) > 30


def test_another_loss_without_a_new_head_is_refused(chunks_dir, tmp_path):
    stages = [{"loss": SOFTMAX, "num_epochs": 1}, {"loss": AAM}]
    with pytest.raises(
        StepsError, match=r"stage 2: does not fit .* Set new_head: true in that stage"
    ):
        small_run(chunks_dir, tmp_path, small_sections(stages=stages))
    assert not list(tmp_path.rglob("*.pt"))  # before the first step of the first stage


def test_a_change_of_the_first_stage_restarts_all_stages(chunks_dir, tmp_path):
    _, trainers = small_run(chunks_dir, tmp_path / "a", small_sections(stages=STAGES))
    other = [STAGES[0] | {"batch_size": 4}, *STAGES[1:]]
    _, others = small_run(chunks_dir, tmp_path / "b", small_sections(stages=other))
    assert all(a.settings != b.settings for a, b in zip(trainers, others, strict=True))


@pytest.mark.parametrize(
    "stage, message",
    [
        ({"num_epoch": 3}, "unknown key 'train.stages.0.num_epoch'. Did you mean 'num_epochs'?"),
        ({"device": "cpu"}, "unknown key 'train.stages.0.device'."),
        ({"batch_size": 1}, "batch_size': 1 is less than the minimum of 2"),
        ({"min_frames": 500}, "min_frames' is 500, more than"),
        ({"average_epochs": 9}, "average_epochs is 9, more than num_epochs, 2"),
    ],
)
def test_mistakes_in_a_stage_are_errors(stage, message):
    with pytest.raises(ConfigError) as error:
        split_stages(small_sections(stages=[stage]))
    assert message in str(error.value)


def test_a_frozen_module_does_not_change_until_its_epoch(chunks_dir, tmp_path):
    """The encoder for half of an epoch of six steps, including running statistics."""
    seen = []
    sections = small_sections(freeze={"encoder": 0.5, "loss": None}, num_epochs=1)
    small_run(chunks_dir, tmp_path, sections, snapshots(seen))
    for step in range(5):
        moved = changed(seen[step], seen[step + 1], "model")
        assert "embedding.weight" in moved
        assert any(name.startswith("encoder") for name in moved) == (step >= 3)
        assert not changed(seen[step], seen[step + 1], "loss")


@pytest.mark.parametrize(
    "modules, message",
    [
        ({"encodr": 1}, "train.freeze: unknown module 'encodr'. Did you mean 'encoder'?"),
        (
            dict.fromkeys(["encoder", "pooling", "embedding", "loss"]),
            "all modules are always frozen",
        ),
    ],
)
def test_a_module_that_cannot_be_frozen_is_an_error(chunks_dir, tmp_path, modules, message):
    with pytest.raises(ConfigError) as error:
        small_run(chunks_dir, tmp_path, small_sections(freeze=modules))
    assert message in str(error.value)


def test_the_average_is_over_the_last_epochs(chunks_dir, tmp_path):
    ends = []

    def keep_ends(trainer):
        end_epoch = trainer.end_epoch

        def end_epoch_and_keep():
            ends.append(trainer.network.copy_state()["model"])
            end_epoch()

        trainer.end_epoch = end_epoch_and_keep

    small_run(chunks_dir, tmp_path, small_sections(num_epochs=3, average_epochs=2), keep_ends)
    weights, _ = result(tmp_path)
    for name in ("embedding.weight", "encoder.layers.0.affine.bias"):
        mean = (ends[1][name] + ends[2][name]) / 2
        assert torch.allclose(weights[name], mean, atol=1e-6)
        assert not torch.allclose(weights[name], ends[2][name], atol=1e-6)
    assert not torch.equal(
        weights["encoder.layers.0.norm.running_mean"], ends[2]["encoder.layers.0.norm.running_mean"]
    )


def test_statistics_are_the_means_over_the_batches():
    """Two batches whose means are 1 and 3: 2, where momentum 0.1 from 0 would give 0.39."""
    norm = torch.nn.BatchNorm1d(1)
    model = torch.nn.Sequential(norm, torch.nn.Dropout())
    batches = [torch.tensor([[0.0], [2.0]]), torch.tensor([[2.0], [4.0]])]
    recompute_statistics(model, batches, model)
    assert norm.running_mean.item() == pytest.approx(2)
    assert norm.running_var.item() == pytest.approx(2)  # unbiased: 2 in either batch
    assert (norm.momentum, model.training) == (0.1, False)


@pytest.mark.parametrize("kind", [Ema, Swa])
def test_the_average_of_one_network_is_that_network(kind):
    model = build_model(SECTIONS["model"], feat_dim=4)
    average = kind(kind.Config(), num_steps=1, steps_per_epoch=1)
    average.add(dict(model.named_parameters()))
    assert all(torch.equal(average.mean()[name], p) for name, p in model.named_parameters())


def test_best_weights_and_average_are_mutually_exclusive(chunks_dir, tmp_path):
    schedule = {"name": "halve_and_reset_to_best"}
    with pytest.raises(ConfigError, match=r"Set average_epochs to 1"):
        small_run(chunks_dir, tmp_path, small_sections(schedule=schedule, average_epochs=2))


def test_halving_can_end_early_with_the_best_weights(chunks_dir, tmp_path):
    """The first epoch is set to be the best; the second halves the rate below its minimum."""
    ends, values = [], iter([1.0, 2.0])

    def override_metric(trainer):
        end_epoch = trainer.schedule.end_epoch
        trainer.schedule.end_epoch = lambda value: end_epoch(next(values))
        trainer_end_epoch = trainer.end_epoch

        def keep_and_end_epoch():
            ends.append(trainer.network.copy_state()["model"])
            trainer_end_epoch()

        trainer.end_epoch = keep_and_end_epoch

    schedule = {"name": "halve_and_reset_to_best", "patience": 0, "final_ratio": 0.6}
    small_run(
        chunks_dir, tmp_path, small_sections(schedule=schedule, num_epochs=50), override_metric
    )
    weights, rows = result(tmp_path)
    assert len(rows) == 1 + 2
    assert all(torch.equal(weights[name], x) for name, x in ends[0].items())


def test_a_stage_that_needs_more_speakers_than_there_are_is_refused_before_any_step(
    chunks_dir,
):
    groups = {"name": "speaker_groups", "utts_per_speaker": 2}
    stages = [{"num_epochs": 1}, {"num_epochs": 1, "batch_size": 64, "sampler": groups}]
    sections = small_sections(stages=stages)
    with pytest.raises(ConfigError, match=r"train.stages, stage 2: .* a batch needs 32 speakers"):
        check_samplers(sections, Chunks(chunks_dir / "train.tsv"))


def test_discriminative_plda_joins_and_replaces_a_classification(chunks_dir, tmp_path):
    """CE, then .25 CE + .75 DPLDA, then DPLDA: each continues; an interruption changes nothing."""
    dplda = {"name": "dplda", "lda_dim": 4, "start_chunks": 40}
    both = {"name": "weighted_sum", "classification": SOFTMAX, "metric": dplda}
    both |= {"classification_weight": 0.25, "metric_weight": 0.75}
    groups = {"sampler": {"name": "speaker_groups"}, "num_epochs": 1, "steps_per_epoch": 3}
    stages = [{"loss": loss} | groups for loss in (SOFTMAX, both, dplda)]
    sections, seen = small_sections(stages=stages), []
    messages, _ = small_run(chunks_dir, tmp_path / "whole", sections, snapshots(seen))
    assert messages.count("train: Dplda starts from the embeddings of 40 chunks") == 1
    first, second, third = (seen[step]["loss"] for step in (2, 3, 6))
    assert all(f"classification.{name}" in second for name in first)
    assert {n.partition(".")[0] for n in third} == {
        n.split(".")[1] for n in second if n.startswith("metric.")
    }
    assert seen[6]["loss"]["started"]
    assert not torch.equal(second["metric.lda_LE"], torch.eye(4, 8))
    assert not torch.equal(third["lda_LE"], second["metric.lda_LE"])  # trained in between
    run_cut_off(chunks_dir, tmp_path / "cut", sections, stops=(1, 4, 2))
    assert_same(tmp_path / "cut", result(tmp_path / "whole"))
    heads = (torch.load(tmp_path / d / "head.pt")["loss"] for d in ("whole", "cut"))
    one, other = heads
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_files_of_a_back_end_that_a_loss_starts_from_are_part_of_the_settings(
    chunks_dir, tmp_path
):
    names = ("mean.vec", "lda.mat", "plda")
    texts = (
        " [ 0 0 0 0 0 0 0 0 ]\n",
        " [ 1 0 0 0 0 0 0 0 ]\n",
        "<Plda> [ 0 ]\n [ 1 ]\n [ 2 ]\n</Plda> ",
    )
    for name, text in zip(names, texts, strict=True):
        (tmp_path / name).write_text(text)
    files = {
        key: str(tmp_path / name) for key, name in zip(("mean", "lda", "plda"), names, strict=True)
    }
    loss = {"name": "dplda", "lda_dim": 1, "batch_norm": False, "start_files": files}
    both = {"name": "weighted_sum", "classification": SOFTMAX, "metric": loss}
    sections = small_sections(loss=both, sampler={"name": "speaker_groups"}, num_epochs=1)
    digests = []
    for mean in (" [ 0 0 0 0 0 0 0 0 ]\n", " [ 1 0 0 0 0 0 0 0 ]\n"):
        (tmp_path / "mean.vec").write_text(mean)
        messages, (trainer,) = small_run(chunks_dir, tmp_path / f"out{len(digests)}", sections)
        assert "train: Dplda starts from files" in messages
        digests.append(trainer.settings["loss_files"])
    assert digests[0] != digests[1]
    (tmp_path / "plda").unlink()
    with pytest.raises(ConfigError, match="train.loss: .*plda is not there"):
        small_run(chunks_dir, tmp_path / "missing", sections)
