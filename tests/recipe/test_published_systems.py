"""Overlays of egs/voxceleb: valid configs, whose networks and trainings can be built.

Snakemake is not run: `tests/workflow/test_score_chains.py` has the dry run of one of them.
"""

import numpy as np
import pytest

from steps_py.audio.wave import Wave
from steps_py.feats.feature_conf import feature_dim
from steps_py.feats.front_end import FrontEnd
from steps_py.model.config import ModelConfig
from steps_py.model.macs import shape_of_model
from steps_py.model.registries import LOSSES, SCHEDULES
from steps_py.recipe.config import check_config, fill_defaults
from steps_py.recipe.networks import RECIPE, published_eer, system_config
from steps_py.settings.build import build
from steps_py.training.config import ChunksConfig, TrainConfig, split_stages

RESULTS = (RECIPE / "RESULTS.md").read_text()
OF_DATA_AND_SCORES = {"part", "vox2_only", "large_margin", "as_norm", "qmf", "self_supervised"}
NO_NETWORKS = OF_DATA_AND_SCORES | {"ivector", "config"}
SYSTEMS = sorted({path.stem for path in RECIPE.glob("*.yaml")} - NO_NETWORKS)
WESPEAKER = [system for system in SYSTEMS if system != "conformer"]
# keys of train in which these differ
OWN = {"optimizer", "schedule", "num_epochs", "steps_per_epoch", "batch_size"}


def laid_over(*overlays):
    return system_config("vox2_only", *overlays)


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request):
    return request.param


@pytest.fixture(scope="module")
def filled(system):
    config = laid_over(system, "large_margin", "as_norm", "qmf")
    check_config(config, recipe=RECIPE)
    return fill_defaults(config, RECIPE)


def test_a_system_goes_with_the_other_overlays_before_or_after_it(system):
    check_config(laid_over(system), recipe=RECIPE)
    others = "large_margin", "as_norm"
    assert laid_over(system, *others) == laid_over(*others, system)


def test_its_network_has_the_size_that_its_results_state(system, filled):
    feats = filled["feats"]
    feat_dim = feature_dim(feats["type"], RECIPE / feats["conf"])
    network = shape_of_model(ModelConfig(**filled["model"]), feat_dim)
    num_weights = sum(p.numel() for p in network.parameters())
    assert f"\n| `{system}` | {num_weights / 1e6:.2f} M |" in RESULTS


@pytest.mark.parametrize("system", WESPEAKER, indirect=True)
def test_both_of_its_stages_train_a_margin_to_the_published_rates(filled):
    sections = {
        "train": build(TrainConfig, filled["train"], "train"),
        "chunks": build(ChunksConfig, filled["chunks"], "chunks"),
    }
    (first, _), (last, new_head) = split_stages(sections)
    assert not new_head and first["train"].loss["name"] == last["train"].loss["name"]
    assert (first["chunks"].max_frames, last["chunks"].max_frames) == (200, 600)
    for stage, peak, end in ((first, 0.1, 5e-5), (last, 1e-4, 2.5e-5)):
        train = stage["train"]
        num_steps = train.num_epochs * train.steps_per_epoch
        schedule = SCHEDULES.build(
            train.schedule, num_steps=num_steps, steps_per_epoch=train.steps_per_epoch
        )
        lr = train.optimizer["lr"]
        assert lr == pytest.approx(peak * train.batch_size / 64)
        assert lr * schedule.factor(num_steps) == pytest.approx(end, rel=1e-3)
        assert train.steps_per_epoch == 1_092_009 // train.batch_size
    loss = LOSSES.build(first["train"].loss, in_dim=4, num_speakers=3)
    margins = []
    for epoch in (0, 19, 29, 39, first["train"].num_epochs):
        loss.set_epoch(epoch)
        margins.append(round(loss.margin, 2))
    assert margins == [0, 0, 0.19, 0.2, 0.2]


def test_the_results_name_every_system_alone_or_fine_tuned(system):
    assert {system, f"{system} large_margin"} & set(published_eer(RESULTS))


def test_the_conformer_halves_its_rate_every_four_epochs_after_2000_steps():
    train = laid_over("conformer")["train"]
    num_steps, steps_per_epoch = 30 * 6203, train["steps_per_epoch"]
    schedule = SCHEDULES.build(
        train["schedule"], num_steps=num_steps, steps_per_epoch=steps_per_epoch
    )
    assert schedule.warmup_steps == 2000
    assert [schedule.factor(epoch * 6203) for epoch in (1, 3, 4, 29)] == [1, 1, 0.5, 0.5**7]


@pytest.mark.parametrize("system", WESPEAKER, indirect=True)
def test_systems_of_one_recipe_differ_only_in_the_network_and_the_size_of_a_batch(system):
    one, other = laid_over(system), laid_over(WESPEAKER[0])
    for config in (one, other):
        del config["model"], config["feats"]["conf"]
        config["train"] = {k: v for k, v in config["train"].items() if k not in OWN}
    assert one == other


@pytest.mark.parametrize("bins", [72, 80])
def test_all_frames_of_the_bands_are_used_those_of_digital_silence_too(bins):
    confs = [str(RECIPE / f"conf/{name}.conf") for name in (f"fbank{bins}", "vad_all")]
    front_end = FrontEnd.of_recipe("fbank", *confs, compress=True)
    noise_CN = np.random.default_rng(0).normal(scale=3000, size=(1, 8000)).astype(np.float32)
    noise_CN[:, :4000] = 0
    x_TD, is_voiced_T = front_end.compute(Wave(16000, noise_CN), "noise.wav")
    assert x_TD.shape[1] == bins
    assert is_voiced_T.all()
