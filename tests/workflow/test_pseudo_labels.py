"""Pseudo-labels in rounds: which jobs run, and a recipe that is killed within a round."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from steps_py.pseudo_labels.config import PseudoLabelsConfig, StartConfig
from steps_py.pseudo_labels.rounds import find_clusters, read_clusters, read_xvectors
from tests.support.tiny_recipe import (
    ROOT,
    copy_recipe,
    edited,
    in_few_parts,
    planner,
    shrink,
    snakemake,
    start_snakemake,
)

RULES = {"extract_unlabelled", "cluster_xvectors", "allocate_round", "train_round"}
STARTS = {"allocate_start", "train_start"}


def without_speakers(config, start=None, **changed):
    """Train on clusters of train, whose speakers are ignored."""
    config["pseudo_labels"] = {
        "unlabelled": "train",
        "start": start or {"model": "start.pt"},
        "clusterer": {"name": "agglomerative", "num_clusters": 6},
    } | changed
    config["backend"] = {"train_sets": ["train"]}
    config["scores"] = {"systems": ["cosine"]}


def with_speakers(config):
    """Train on the speakers of train and on clusters of another set."""
    shrink(config)
    config["data"]["sets"]["crawled"] = ["voxceleb1.dev"]
    config["pseudo_labels"] = {
        "unlabelled": "crawled",
        "clusterer": {"name": "kmeans", "num_clusters": 6},
        "max_rounds": 3,
    }


def recipe(folder, change):
    folder = copy_recipe(ROOT / "egs/mini", folder, change)
    (folder / "start.pt").touch()
    return folder


def unlabelled(start=None, **changed):
    def change(config):
        shrink(config)
        without_speakers(config, start, **changed)

    return change


def test_a_recipe_without_the_section_has_none_of_its_jobs(tmp_path):
    rules = planner().rules(recipe(tmp_path, shrink), "all")
    assert not (RULES | STARTS) & rules.keys()


def test_each_round_clusters_and_all_but_the_last_train_a_network_of_their_own(tmp_path):
    rules = planner().rules(recipe(tmp_path, unlabelled(max_rounds=4)), "all")
    counts = {rule: rules[rule] for rule in sorted(RULES)}
    assert counts == {
        "allocate_round": 3,
        "cluster_xvectors": 4,
        "extract_unlabelled": 4,
        "train_round": 3,
    }
    assert rules["train_model"] == rules["allocate_chunks"] == 1
    assert not STARTS & rules.keys()


def test_known_speakers_are_trained_on_first_and_then_together_with_the_clusters(tmp_path):
    code, text = planner().ask(recipe(tmp_path, with_speakers), "exp/model/final.pt", "-p")
    assert code == 0, text[-2000:]
    start = text[text.index("rule allocate_start") :].partition("resources")[0]
    assert "data/train/feats.scp" in start
    assert "data/crawled" not in start
    last = text[text.index("rule allocate_chunks") :]
    assert "data/crawled/feats.scp" in last.partition("output:")[0]
    assert "--unlabelled data/crawled --labels exp/pseudo_labels/3/utt2spk" in last


def test_a_backend_that_reads_the_speakers_of_the_unlabelled_set_is_refused(tmp_path):
    def change(config):
        unlabelled()(config)
        config["scores"] = {"systems": ["plda"]}

    code, text = planner().ask(recipe(tmp_path, change), "all")
    assert code == 1
    assert "backend.train_sets: 'train' is pseudo_labels.unlabelled" in text


def test_the_overlay_of_voxceleb_starts_with_dino_and_trains_in_five_rounds(tmp_path):
    names = ("vox2_only", "ecapa_c512", "self_supervised")
    overlays = [str(ROOT / f"egs/voxceleb/{name}.yaml") for name in names]
    folder = copy_recipe(ROOT / "egs/voxceleb", tmp_path, in_few_parts)
    rules = planner().rules(folder, "exp/model/final.pt", "--configfile", *overlays)
    assert rules["train_start"] == rules["allocate_start"] == 1
    assert (rules["cluster_xvectors"], rules["train_round"]) == (5, 4)


def test_a_finished_recipe_keeps_its_features_when_its_speakers_are_forgotten(tmp_path, finished):
    folder = edited(finished, tmp_path / "recipe", without_speakers)
    shutil.copy(finished / "exp/model/final.pt", folder / "start.pt")
    rules = set(planner().rules(folder, "exp/model/final.pt"))
    assert rules > RULES
    assert rules - RULES == {"check_sets", "split_feats_scp", "allocate_chunks", "train_model"}


@pytest.mark.slow
def test_a_recipe_killed_within_a_round_ends_with_settled_labels(finished, tmp_path, monkeypatch):
    """Labels count as settled in round 2; round 3 repeats them."""
    folder = edited(
        finished,
        tmp_path / "recipe",
        lambda config: without_speakers(config, max_rounds=3, settled_nmi=0, min_cluster_utts=2),
    )
    shutil.copy(finished / "exp/model/final.pt", folder / "start.pt")
    run = start_snakemake(folder, "exp/chunks/train.tsv", stderr=subprocess.DEVNULL)
    checkpoints = folder / "exp/pseudo_labels/1/model/checkpoints"
    while run.poll() is None and not checkpoints.exists():
        time.sleep(0.05)
    assert run.poll() is None
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    done = snakemake(folder, "exp/chunks/train.tsv")
    assert done.returncode == 0, done.stderr[-3000:]

    monkeypatch.chdir(folder / "exp/pseudo_labels")
    rows = [line.split("\t") for line in Path("3/rounds.tsv").read_text().splitlines()]
    assert [row[0] for row in rows] == ["round", "1", "2"]
    assert [row[-1] for row in rows[1:]] == ["no", "yes"]
    for name in ("clusters.tsv", "utt2spk", "settled", "model/final.pt"):
        assert (folder / "exp/pseudo_labels/2" / name).read_bytes() == (
            folder / f"exp/pseudo_labels/{1 if '/' in name else 3}/{name}"
        ).read_bytes(), name

    monkeypatch.chdir(folder)
    config = PseudoLabelsConfig(
        unlabelled="train",
        start=StartConfig(model="start.pt"),
        clusterer={"name": "agglomerative", "num_clusters": 6},
        min_cluster_utts=2,
    )
    for number in (1, 2):
        scp = f"exp/pseudo_labels/{number}/xvectors/xvector.1-of-1.scp"
        found = find_clusters(*read_xvectors([scp], "data/train/feats.scp"), config)
        utts, names = read_clusters(folder / f"exp/pseudo_labels/{number}/clusters.tsv")
        assert (utts, names) == (found.utts, found.names)
    speakers = Path("exp/chunks/spk2id").read_text().split()[::2]
    assert set(speakers) <= set(found.labels().values())
