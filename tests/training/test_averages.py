"""Averages of the weights: what final.pt holds, what validation uses, what is refused."""

import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.model.registries import AVERAGES
from steps_py.training.averages.ema import Ema
from tests.support.small_training import result, small_run, small_sections, write_small_chunks

EMA = {"name": "ema", "decay": 0.8}
SWA = {"name": "swa", "start_share": 0.5, "every_epochs": 0.5}
NAMES = ("embedding.weight", "encoder.layers.0.affine.bias")


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    return write_small_chunks(tmp_path_factory.mktemp("averages"))


def run_and_watch(chunks_dir, out_dir, **changed):
    """Weights of the model after each step, and the finished Trainer."""
    weights = []

    def watch(trainer):
        take_step = trainer.take_step

        def take_step_and_keep(*batch):
            take_step(*batch)
            weights.append(trainer.network.copy_state()["model"])

        trainer.take_step = take_step_and_keep

    _, (trainer,) = small_run(chunks_dir, out_dir, small_sections(**changed), watch)
    return weights, trainer


def test_the_weights_of_ema_decay_with_their_age(chunks_dir, tmp_path):
    weights, _ = run_and_watch(chunks_dir, tmp_path, average=EMA)
    shares = torch.tensor([0.8 ** (12 - i) for i in range(1, 13)], dtype=torch.float64)
    shares /= shares.sum()
    final, _ = result(tmp_path)
    for name in (*NAMES, "encoder.layers.0.norm.running_mean"):
        steps = torch.stack([w[name].double() for w in weights])
        expected = torch.tensordot(shares, steps, dims=1)
        assert torch.allclose(final[name].double(), expected, atol=1e-6)


def test_swa_is_the_mean_of_the_last_weights_with_statistics_of_its_own(chunks_dir, tmp_path):
    """Twelve steps: after the first six, every three, so after nine and twelve."""
    weights, _ = run_and_watch(chunks_dir, tmp_path, average=SWA)
    final, _ = result(tmp_path)
    for name in NAMES:
        expected = (weights[8][name] + weights[11][name]) / 2
        assert torch.allclose(final[name], expected, atol=1e-6)
    norm = "encoder.layers.0.norm.running_mean"
    assert not any(torch.allclose(final[norm], w[norm], atol=1e-4) for w in weights)


@pytest.mark.parametrize("average", [EMA, SWA], ids=["ema", "swa"])
def test_validation_measures_the_averaged_weights(chunks_dir, tmp_path, average):
    """The last row of epochs.tsv is what the network of final.pt and head.pt gives."""
    _, trainer = run_and_watch(chunks_dir, tmp_path, average=average)
    loss, accuracy, eer = trainer.validation.measure(trainer.network, trainer.epoch)
    row = trainer.rows[-1]
    assert (row["valid_loss"], row["valid_accuracy"], row["valid_eer"]) == (loss, accuracy, eer)


def test_an_average_does_not_change_the_steps(chunks_dir, tmp_path):
    """Validation puts the weights back as they were."""
    one, _ = run_and_watch(chunks_dir, tmp_path / "with", average=SWA)
    other, _ = run_and_watch(chunks_dir, tmp_path / "without")
    assert all(torch.equal(one[-1][name], other[-1][name]) for name in one[-1])


def test_statistics_that_are_not_finite_for_a_while_do_not_enter_ema():
    average = Ema(Ema.Config(decay=0.5), num_steps=3, steps_per_epoch=1)
    for value in (1.0, float("nan"), 4.0):
        average.add({"w": torch.tensor([value])})
    # 1/7, 2/7 and 4/7 of 1, of the mean before, 1, and of 4
    assert average.mean()["w"].item() == pytest.approx(19 / 7)


@pytest.mark.parametrize("name", AVERAGES.names())
@pytest.mark.parametrize("num_steps, steps_per_epoch", [(1, 1), (3, 3), (50, 7)])
def test_every_average_includes_the_last_step(name, num_steps, steps_per_epoch):
    average = AVERAGES.build({"name": name}, num_steps=num_steps, steps_per_epoch=steps_per_epoch)
    assert average.is_due(num_steps) and not average.mean()


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"average_epochs": 2}, "average_epochs is 2, but average averages the weights as well."),
        ({"schedule": {"name": "halve_and_reset_to_best"}}, "Set average to null or choose"),
    ],
)
def test_two_choices_of_the_final_weights_are_refused(chunks_dir, tmp_path, changed, message):
    with pytest.raises(ConfigError) as error:
        small_run(chunks_dir, tmp_path, small_sections(average=EMA, **changed))
    assert message in str(error.value)
