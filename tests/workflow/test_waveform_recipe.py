"""A recipe that trains from audio: which jobs run, and that it runs through."""

import re

import pytest

from tests.support.tiny_recipe import ROOT, copy_recipe, shrink, snakemake


def from_audio(config):
    """A shrunken mini whose network is trained from audio, at two speeds."""
    shrink(config)
    config["train"]["input"] = "waveform"
    config["train"]["spec_augment"] = {"max_time_frames": 5}
    config["model"]["front_ends"] = ["batch_norm", {"deltas": {"order": 1}}]
    config["augment"]["online"] = {"probability": 0.8, "speeds": [1.0, 1.1]}
    config["backend"]["train_sets"] = ["train"]


def dry_run(folder, target="all"):
    done = snakemake(folder, "--dry-run", target)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_copies_are_made_only_if_the_backend_is_trained_on_them(tmp_path):
    def with_copies(config):
        from_audio(config)
        config["backend"]["train_sets"] = ["train", "train_augmented"]

    without = dry_run(copy_recipe(ROOT / "egs/mini", tmp_path / "a", from_audio))
    folder = copy_recipe(ROOT / "egs/mini", tmp_path / "b", with_copies)
    assert not re.search(r"^(make_augmented_feats|augment_data) ", without, re.M)
    assert re.search(r"^make_augmented_feats ", dry_run(folder), re.M)
    assert not re.search(r"^make_augmented_feats ", dry_run(folder, "exp/model/final.pt"), re.M)


def test_training_waits_for_the_noises_it_draws_from(tmp_path):
    folder = copy_recipe(ROOT / "egs/mini", tmp_path, from_audio)
    planned = dry_run(folder, "exp/model/final.pt")
    train_model = planned[planned.index("rule train_model") :]
    for part in ("musan.noise", "musan.music", "musan.speech", "rirs_noises.smallroom"):
        assert f"data/parts/{part}/wav.scp" in train_model.partition("output:")[0]


def test_online_augmentation_without_audio_stops_before_the_first_job(tmp_path):
    def contradict(config):
        from_audio(config)
        config["train"]["input"] = "feats"

    done = snakemake(copy_recipe(ROOT / "egs/mini", tmp_path, contradict), "all")
    assert done.returncode == 1
    assert "'augment.online' is given, but 'train.input' is feats." in done.stderr


@pytest.mark.slow
def test_a_recipe_trains_from_audio_to_its_error_rates(tmp_path):
    folder = copy_recipe(ROOT / "egs/mini", tmp_path, from_audio)
    done = snakemake(folder, "all")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / "results/mini_eer.txt").exists()
    assert not (folder / "data/train_augmented").exists()
    spk2id = dict(line.split() for line in (folder / "exp/chunks/spk2id").open())
    speakers = {spk for spk in spk2id if not spk.startswith("sp1.1-")}
    assert set(spk2id) == speakers | {f"sp1.1-{spk}" for spk in speakers}
    rows = (folder / "exp/model/epochs.tsv").read_text().splitlines()
    assert len(rows) == 3
