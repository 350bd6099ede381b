"""Knowledge distillation: what is compared with the teacher, and which teachers are refused."""

import dataclasses

import pytest
import torch

from steps_py.errors import ConfigError, StepsError
from steps_py.feats.config import CmvnConfig
from steps_py.training.config import DistillationConfig
from steps_py.training.distillation import cosine_distance, divergence
from tests.support.small_training import (
    SECTIONS,
    assert_same,
    result,
    run_cut_off,
    small_run,
    small_sections,
    write_small_chunks,
)

WIDE = dataclasses.replace(SECTIONS["model"], embedding_dim=12)


@pytest.fixture(scope="module")
def chunks_dir(tmp_path_factory):
    return write_small_chunks(tmp_path_factory.mktemp("distillation"))


@pytest.fixture(scope="module")
def teacher(chunks_dir, tmp_path_factory):
    """The final.pt of a network with wider x-vectors than those of the others."""
    out_dir = tmp_path_factory.mktemp("teacher")
    small_run(chunks_dir, out_dir, small_sections(model=WIDE, num_epochs=1))
    return out_dir / "final.pt"


def section(teacher, **keys):
    return {"teacher": str(teacher), **keys}


def test_a_network_that_is_its_teacher_has_no_distance_from_it(chunks_dir, teacher, tmp_path):
    """Initialised from it, in eval mode: the loss grows by 0 for each target."""
    for target in ("embedding_cosine", "embedding_mse", "logits"):
        sections = small_sections(
            model=WIDE,
            num_epochs=1,
            init={"model": str(teacher)},
            distillation=section(teacher, target=target),
        )
        distances = []

        def measure(trainer, distances=distances):
            network = trainer.network
            x_BTD, spk_id_B = map(torch.from_numpy, trainer.read_batch(0))
            network.set_eval_mode(0)
            embedding_BE = network.embed(x_BTD)
            _, logits_BS = network.loss(embedding_BE, spk_id_B)
            distances.append(network.teacher.loss(x_BTD, None, embedding_BE, logits_BS).item())
            raise StopIteration

        with pytest.raises(StopIteration):
            small_run(chunks_dir, tmp_path / target, sections, measure)
        assert distances == [pytest.approx(0, abs=1e-6)]


def test_the_network_comes_nearer_to_its_teacher(chunks_dir, teacher, tmp_path):
    """Small steps, of which the distance alone decides the direction with a weight of 1e4."""

    def distance_after(name, weight):
        sections = small_sections(
            model=WIDE,
            distillation=section(teacher, weight=weight),
            optimizer={"name": "adam", "lr": 0.02},
        )
        _, (trainer,) = small_run(chunks_dir, tmp_path / name, sections)
        x_BTD, _ = map(torch.from_numpy, trainer.read_batch(0))
        with torch.no_grad():
            pair = trainer.network.embed(x_BTD), trainer.network.teacher.model(x_BTD)
        return cosine_distance(*pair, None).item()

    assert distance_after("much", 1e4) < 0.5 * distance_after("not", 0.0)


def test_distillation_is_resumed_to_the_bit_with_mixed_chunks(chunks_dir, teacher, tmp_path):
    """And the teacher, of another width, can be compared by logits."""
    sections = small_sections(
        distillation=section(teacher, target="logits"),
        mix={"name": "mixup"},
        chunks={"vary_within_batch": True},
        accumulate_steps=2,
        checkpoint_minutes=1e-9,
    )
    small_run(chunks_dir, tmp_path / "undisturbed", sections)
    run_cut_off(chunks_dir, tmp_path / "cut off", sections, [3, 4])
    assert_same(tmp_path / "cut off", result(tmp_path / "undisturbed"))


def test_a_temperature_of_infinity_compares_logits_as_they_are():
    """tau^2 KL tends to half the mean squared difference of centred logits, Hinton's eq. (4)."""
    torch.manual_seed(0)
    x_BS, target_BS = torch.randn(2, 3, 5, dtype=torch.float64)
    config = DistillationConfig(teacher="final.pt", temperature=1e4)
    centred = (x_BS - x_BS.mean(dim=1, keepdim=True)) - (
        target_BS - target_BS.mean(dim=1, keepdim=True)
    )
    expected = centred.square().mean(dim=1).mean() / 2
    assert divergence(x_BS, target_BS, config).item() == pytest.approx(expected.item(), rel=1e-3)


@pytest.mark.parametrize(
    "changed, message",
    [
        ({}, "has x-vectors of 12 dimensions, the network has 8. Set model.embedding_dim to 12"),
        ({"cmvn": CmvnConfig(window_frames=50)}, "other options of its features"),
        ({"speakers": ["a"] * 7}, "its 7 speakers are not the 7 of the training list"),
        ({"teacher": "nowhere.pt"}, "train.distillation: nowhere.pt is not there. Train that"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(chunks_dir, teacher, tmp_path, changed, message):
    target = "logits" if "speakers" in changed else "embedding_cosine"
    used = section(changed.get("teacher", teacher), target=target)
    sections = small_sections(distillation=used)
    if "cmvn" in changed:
        sections["cmvn"] = changed["cmvn"]
    speakers = {"speakers": changed["speakers"]} if "speakers" in changed else {}
    with pytest.raises((ConfigError, StepsError)) as error:
        small_run(chunks_dir, tmp_path, sections, **speakers)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_loss_without_logits_is_refused_where_logits_are_compared(chunks_dir, teacher, tmp_path):
    groups = {"name": "speaker_groups", "utts_per_speaker": 2}
    distillation = section(teacher, target="logits")
    sections = small_sections(loss={"name": "ge2e"}, sampler=groups, distillation=distillation)
    with pytest.raises(ConfigError, match="'ge2e' has no logits. Set target to embedding_cosine"):
        small_run(chunks_dir, tmp_path, sections)
