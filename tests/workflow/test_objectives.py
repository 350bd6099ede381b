"""A recipe with two embeddings, labels and an unlabelled set: its plan, and a run of it."""

import numpy as np
import pytest

from tests.support.tiny_recipe import ROOT, copy_recipe, edited, shrink, snakemake

SYSTEMS = {
    "inner": [{"keep_columns": {"first": 0, "count": 6}}, "cosine"],
    "outer": [{"keep_columns": {"first": 6, "count": 8}}, "cosine"],
    "concatenation": ["cosine"],
    "mean": [{"mean_systems": {"systems": ["inner", "outer"]}}],
}


def with_objectives(config):
    """A head, two objectives of domains, an unlabelled set, and four systems."""
    config["model"]["inner_dim"] = 6
    config["data"]["sets"]["adapt"] = ["musan.speech"]
    config["chunks"]["short_utts"] = "tile"
    config["train"]["unlabelled"] = {"set": "adapt"}
    config["train"]["objectives"] = {
        "metric": {"name": "head", "embedding": "inner"},
        "language": {"name": "gradient_reversal", "labels": "language"},
        "alike": {"name": "wasserstein", "embedding": "inner"},
    }
    config["xvectors"]["layer"] = "both"
    config["scores"] = {"systems": SYSTEMS}


def write_languages(folder):
    """Two languages, in data/train/utt2language."""
    utts = [line.split()[0] for line in (folder / "data/train/utt2spk").read_text().splitlines()]
    lines = (f"{utt} {('en', 'fr')[number % 2]}\n" for number, utt in enumerate(utts))
    (folder / "data/train/utt2language").write_text("".join(lines))


def test_a_table_of_labels_that_is_not_there_is_named_before_any_job(tmp_path):
    def change(config):
        shrink(config)
        with_objectives(config)

    done = snakemake(copy_recipe(ROOT / "egs/mini", tmp_path, change), "--dry-run", "all")
    assert done.returncode == 1
    assert "data/train/utt2language" in done.stdout + done.stderr


@pytest.mark.slow
def test_a_finished_recipe_with_objectives_laid_over_it_ends_with_four_scores(finished, tmp_path):
    folder = edited(finished, tmp_path / "recipe", with_objectives)
    write_languages(folder)
    done = snakemake(folder, *(f"exp/scores/{name}/mini" for name in SYSTEMS))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    header, *rows = (folder / "exp/model/epochs.tsv").read_text().splitlines()
    for row in rows:
        values = dict(zip(header.split("\t"), row.split("\t"), strict=True))
        for name in ("metric", "language", "alike"):
            assert values[f"objective_{name}"]
    drawn = (folder / "exp/chunks/unlabelled.tsv").read_text().splitlines()[1:]
    listed = (folder / "data/adapt/utt2spk").read_text().splitlines()
    assert [line.split("\t")[0] for line in drawn] == [line.split()[0] for line in listed]
    inner, outer, both, mean = (
        np.loadtxt(folder / f"exp/scores/{name}/mini", usecols=2) for name in SYSTEMS
    )
    np.testing.assert_allclose(mean, (inner + outer) / 2, atol=1e-5)
    assert (np.abs(both - mean) > 1e-5).any()
