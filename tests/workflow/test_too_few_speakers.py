"""A training whose batches need more speakers than there are fails before features are computed."""

import pytest

from tests.support.tiny_recipe import ROOT, copy_recipe, shrink, snakemake

pytestmark = pytest.mark.slow


def test_a_stage_with_too_many_speakers_per_batch_fails_before_features(tmp_path):
    def change(config):
        shrink(config)
        groups = {"name": "speaker_groups", "utts_per_speaker": 2}
        stage = {"batch_size": 64, "sampler": groups, "num_epochs": 1}
        config["train"]["stages"] = [{"num_epochs": 1}, stage]

    folder = copy_recipe(ROOT / "egs/mini", tmp_path / "recipe", change)
    done = snakemake(folder, "exp/model/final.pt")
    assert done.returncode == 1
    assert "check_sets: train.stages, stage 2: sampler 'speaker_groups'" in done.stderr
    assert "a batch needs 32 speakers, but the training list has only 8" in done.stderr
    assert not list(folder.glob("data/*/feats.scp")) and not (folder / "exp/model").exists()
