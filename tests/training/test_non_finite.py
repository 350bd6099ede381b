"""Steps that are not finite are skipped; too many cause rollbacks, and then an error."""

import math

import pytest
import torch

from steps_py.errors import StepsError
from steps_py.model.registries import OPTIMIZERS
from steps_py.training.non_finite import step_is_finite
from steps_py.training.processes import ProcessGroup
from steps_py.training.updates import Updates
from tests.support.small_training import (
    assert_same,
    result,
    run_cut_off,
    small_run,
    small_sections,
    write_small_chunks,
)


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    return write_small_chunks(tmp_path_factory.mktemp("non_finite"))


def spoil(steps, until_rollback=math.inf):
    """Features of these steps are nan, until the given number of rollbacks."""

    def change(trainer):
        read = trainer.read_batch

        def read_or_spoil(step):
            x_BTD, *rest = read(step)
            if step in steps and trainer.rollbacks < until_rollback:
                x_BTD[0, 3] = math.nan
            return x_BTD, *rest

        trainer.read_batch = read_or_spoil

    return change


def column(out_dir, name):
    header, *rows = (line.split("\t") for line in (out_dir / "epochs.tsv").read_text().splitlines())
    return [row[header.index(name)] for row in rows]


def test_a_skipped_step_changes_no_weights_and_is_counted(chunks_dir, tmp_path):
    seen = {}

    def spoil_and_look(trainer):
        spoil({4, 8})(trainer)
        take_step = trainer.take_step

        def take_step_and_look(*batch):
            step, before = trainer.step, trainer.network.copy_state()
            take_step(*batch)
            after = trainer.network.copy_state()
            moving = [n for n in before["model"] if "num_batches" not in n]
            seen[step] = all(torch.equal(before["model"][n], after["model"][n]) for n in moving)

        trainer.take_step = take_step_and_look

    messages, _ = small_run(chunks_dir, tmp_path, small_sections(), spoil_and_look)
    assert [step for step, unchanged in seen.items() if unchanged] == [4, 8]
    assert column(tmp_path, "skipped_steps") == ["1", "1"]
    assert column(tmp_path, "rollbacks") == ["0", "0"]
    assert any("1 steps skipped" in line for line in messages)
    assert all(math.isfinite(float(loss)) for loss in column(tmp_path, "train_loss"))
    weights, _ = result(tmp_path)
    assert all(x.isfinite().all() for x in weights.values())


def test_too_many_skipped_steps_restart_the_epoch_with_half_the_lr(chunks_dir, tmp_path):
    sections = small_sections(max_skipped_steps=1, schedule={"name": "constant"})
    change = spoil({7, 8}, until_rollback=1)
    messages, _ = small_run(chunks_dir, tmp_path, sections, change)
    restarts = [line for line in messages if "were not finite" in line]
    assert restarts == [
        "train: 2 steps of epoch 2 were not finite and skipped; restarting after step 6"
        " with half the lr (0.025)"
    ]
    assert column(tmp_path, "lr") == ["0.05", "0.025"]
    assert column(tmp_path, "rollbacks") == ["0", "1"]
    assert column(tmp_path, "skipped_steps") == ["0", "0"]


def test_the_first_epoch_can_be_restarted(chunks_dir, tmp_path):
    sections = small_sections(max_skipped_steps=0)
    small_run(chunks_dir, tmp_path, sections, spoil({2}, until_rollback=1))
    assert column(tmp_path, "rollbacks") == ["1", "1"]


def test_the_error_after_the_last_rollback_names_the_step(chunks_dir, tmp_path):
    sections = small_sections(max_skipped_steps=0, max_rollbacks=1)
    with pytest.raises(StepsError) as error:
        small_run(chunks_dir, tmp_path, sections, spoil({8}))
    assert "train: loss is nan at epoch 2, step 3 (last finite loss" in str(error.value)
    assert "1 restart of an epoch with half the lr did not help." in str(error.value)
    assert not (tmp_path / "final.pt").exists()


@pytest.mark.parametrize("minutes", [1e-9, 1e9], ids=["each step", "each epoch"])
def test_interruptions_near_skipped_steps_give_bit_identical_weights(chunks_dir, tmp_path, minutes):
    sections = small_sections(max_skipped_steps=1, num_epochs=3, checkpoint_minutes=minutes)
    change = spoil({1, 8, 9, 14}, until_rollback=1)
    small_run(chunks_dir, tmp_path / "undisturbed", sections, change)
    stops = [2, 7, 1, 1, 2] if minutes < 1 else [8, 4, 2, 7]
    run_cut_off(chunks_dir, tmp_path / "cut off", sections, stops, change)
    assert_same(tmp_path / "cut off", result(tmp_path / "undisturbed"))
    assert column(tmp_path / "cut off", "rollbacks")[-1] == "1"


def test_weights_that_are_not_finite_at_an_epochs_end_are_rolled_back(chunks_dir, tmp_path):
    def spoil_weights(trainer):
        take_step = trainer.take_step

        def take_step_and_spoil(*batch):
            take_step(*batch)
            if trainer.step == 6 and not trainer.rollbacks:
                with torch.no_grad():
                    trainer.network.parameters[0].view(-1)[0] = math.inf

        trainer.take_step = take_step_and_spoil

    small_run(chunks_dir, tmp_path, small_sections(), spoil_weights)
    assert column(tmp_path, "rollbacks") == ["1", "1"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_not_finite_is_detected(bad):
    gradients = [torch.ones(3), torch.ones(2, 2)]
    assert step_is_finite(torch.tensor(1.0), gradients)
    assert not step_is_finite(torch.tensor(bad), gradients)
    gradients[1][1, 0] = bad
    assert not step_is_finite(torch.tensor(1.0), gradients)


def test_large_finite_gradients_are_accepted():
    assert step_is_finite(torch.tensor(1.0), [torch.full((100,), 1e30)])


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("bad_step", [0, 2])
def test_a_fused_optimizer_skips_a_step(monkeypatch, name, bad_step):
    """The fused optimiser of a GPU, on a CPU: of four steps one is skipped."""
    monkeypatch.setattr(f"steps_py.training.optimizers.{name}.fused", lambda parameters: True)

    def walk(bad_steps):
        weight = torch.nn.Parameter(torch.tensor([[1.0, -2.0]]))
        config = small_sections(optimizer={"name": name, "lr": 0.1})["train"]
        updates = Updates.__new__(Updates)
        updates._grad_clip, updates._parameters, updates._skips_steps = None, [weight], True
        updates._group = ProcessGroup()
        updates._scaler = torch.amp.GradScaler("cpu", enabled=False)
        lr = config.optimizer["lr"]
        updates.optimizer = OPTIMIZERS.build(config.optimizer, parameters=[weight])
        assert all(group["fused"] for group in updates.optimizer.param_groups)
        for step in range(3 + len(bad_steps)):
            loss = weight.square().sum() * (math.nan if step in bad_steps else 1)

            def compute(loss=loss):
                updates.backward(loss)
                return torch.stack([loss.detach()])

            _, good = updates.step(lr, None, compute)
            assert bool(good) == (step not in bad_steps)
        return weight.detach()

    assert torch.equal(walk({bad_step}), walk(set()))
