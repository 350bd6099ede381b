"""The whole workflow on a tiny synthetic corpus: audio to EER, killed, edited, started again."""

import collections
import math
import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from steps_py import load_system
from steps_py.data.data_dir import read_table
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR, INTS
from steps_py.formats.tables import SequentialReader, TableWriter, read_object
from steps_py.plan.plan import make_plan
from steps_py.recipe.config import fill_defaults
from steps_py.recipe.plan_config import PlanConfig
from tests.support.tiny_recipe import (
    BYTES,
    ROOT,
    copy_recipe,
    edited,
    in_few_parts,
    rules_to_run,
    shrink,
    snakemake,
    start_snakemake,
)

pytestmark = pytest.mark.slow


def num_files(folder):
    """Files that jobs have written, whole or not."""
    return sum(len(files) for top in ("data", "exp") for *_, files in os.walk(folder / top))


def test_the_results_say_system_list_counts_and_error_rates(finished):
    text = (finished / "results/mini_eer.txt").read_text()
    trials = (finished / "data/trials/mini").read_text().splitlines()
    targets = sum(line.endswith(" target") for line in trials)
    said = rf"mini: {len(trials)} trials, {targets} of them target, sha256 \w{{16}}"
    assert re.search(said, text)
    cell = r" +[\d.]+ \[[\d.]+, [\d.]+\] [*= ]"
    assert re.search(rf"^plda(?:{cell}){{2}}{cell[:-5]}", text, re.M)
    table = pd.read_csv(finished / "results/metrics.tsv", sep="\t")
    assert list(dict.fromkeys(table.system)) == ["plda", "cosine"]
    rates = table[table.metric == "eer_percent"]
    assert rates.value.between(0, 100).all() and rates.low.le(rates.high).all()
    compared = pd.read_csv(finished / "results/comparisons.tsv", sep="\t")
    assert set(zip(compared.system, compared.other, strict=True)) == {("plda", "cosine")}
    assert compared.p_value.between(0, 1).all()


def test_every_utterance_has_its_features_vad_and_xvector(finished):
    for dset in ("train", "mini_test", "train_augmented"):
        keys = [
            [line.split()[0] for line in (finished / path).read_text().splitlines()]
            for path in (
                f"data/{dset}/wav.scp",
                f"data/{dset}/feats.scp",
                f"data/{dset}/vad.scp",
                f"exp/xvectors/{dset}/xvector.scp",
            )
        ]
        assert keys[0]
        assert keys.count(keys[0]) == len(keys)


def test_the_plan_made_before_is_what_the_run_took(finished, tmp_path):
    """Job by job, and byte by byte within a fifth."""
    folder = copy_recipe(ROOT / "egs/mini", tmp_path, shrink)
    config = fill_defaults(yaml.safe_load((folder / "config.yaml").read_text()))
    plan = make_plan(ROOT / "Snakefile", folder, folder, config, PlanConfig(slots=(2,)))
    log = min((finished / ".snakemake/log").iterdir()).read_text()
    ran = re.findall(r"^ *(?:local)?rule (\w+):$", log, re.M)
    assert collections.Counter(step.job.rule for step in plan.steps) == collections.Counter(ran)
    made = [
        path.stat().st_size
        for name in ("corpus", "data", "exp", "results")
        for path in (finished / name).rglob("*")
        if path.is_file() and "benchmark" not in path.parts
    ]
    assert plan.timelines[2].peak_bytes == pytest.approx(sum(made), rel=0.2)
    features = sum(path.stat().st_size for path in finished.glob("exp/feats/*/*.ark"))
    planned = {path: size for step in plan.steps for path, size in step.bytes.items()}
    arks = [planned[path] for path in planned if path.startswith("exp/feats/")]
    assert sum(arks) == pytest.approx(features, rel=0.2)


def test_a_second_run_has_nothing_to_do(finished):
    done = snakemake(finished, "all")
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "section, key, value, first, untouched",
    [
        ("metrics", "p_target", [0.05], "compute_metrics", "score_trials"),
        ("backend", "lda_dim", 5, "estimate_step", "collect_xvectors"),
        ("backend", "lda_covariance_floor", 0.1, "estimate_step", "collect_xvectors"),
        ("xvectors", "max_chunk_frames", 200, "extract_xvectors", "train_model"),
        ("train", "num_epochs", 3, "train_model", "allocate_chunks"),
        ("chunks", "num_valid_utts", 3, "allocate_chunks", "make_feats"),
        ("augment", "num_utts", 10, "augment_data", "combine_parts"),
    ],
)
def test_an_edited_key_reruns_the_rules_that_read_it(
    finished, tmp_path, section, key, value, first, untouched
):
    folder = edited(finished, tmp_path, lambda config: config[section].update({key: value}))
    rules = rules_to_run(folder, "all")
    assert first in rules
    assert untouched not in rules


def test_a_section_attribution_adds_averages_of_maps_to_the_report(finished, tmp_path, monkeypatch):
    section = {
        "trials": "mini",
        "method": {"name": "gradient"},
        "num_trials": 2,
        "frame_labels": "phones",
        "label_names": "phones.txt",
    }
    changes = {"attribution": section, "report": {"sections": ["attribution"]}}
    folder = edited(finished, tmp_path, lambda config: config.update(changes))
    monkeypatch.chdir(folder)
    with (
        SequentialReader("scp:data/mini_test/vad.scp", FLOAT_VECTOR) as decisions,
        TableWriter("ark:phones", INTS) as writer,
    ):
        for utt, is_voiced_T in decisions:
            writer.write(utt, [t % 2 for t in range(len(is_voiced_T))])
    (folder / "phones.txt").write_text("even 0\nodd 1\n")
    done = snakemake(folder, "all")
    assert done.returncode == 0, done.stderr[-2000:]
    table = pd.read_csv(folder / "results/attribution.tsv", sep="\t")
    assert set(table.trials) == {"target", "nontarget"} and set(table.num_maps) == {4}
    bands = table[table.part == "dimension"].groupby("trials").share.sum()
    assert bands.to_numpy() == pytest.approx(1)
    labels = table[(table.part == "label") & (table.trials == "target")].set_index("name")
    assert labels.frames_share.sum() == pytest.approx(1) and labels.share.sum() == pytest.approx(1)
    assert labels.frames_share["odd"] == pytest.approx(0.5, abs=0.1)
    assert "What scores stand on" in (folder / "results/report.html").read_text()
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["attribution"]["num_trials"] = 1
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert {"attribute_trials", "write_report"} <= rules_to_run(folder, "all")


def test_a_cosine_after_lda_is_that_of_the_projected_xvectors(finished, tmp_path, monkeypatch):
    systems = {"systems": ["lda_cosine"]}
    folder = edited(finished, tmp_path, lambda config: config.update(scores=systems))
    done = snakemake(folder, "all")
    assert done.returncode == 0, done.stderr[-2000:]
    monkeypatch.chdir(folder)
    mean_E = read_object("exp/backend/centre/mean.vec", FLOAT_VECTOR)
    transform_DE = read_object("exp/backend/centre/lda/transform.mat", FLOAT_MATRIX)
    y_D = {}
    with SequentialReader("scp:exp/xvectors/mini_test/xvector.scp", FLOAT_VECTOR) as reader:
        for utt, x_E in reader:  # the last column is an offset
            y_D[utt] = transform_DE[:, :-1] @ (x_E - mean_E) + transform_DE[:, -1]
    for line in Path("exp/scores/lda_cosine/mini").read_text().splitlines():
        enroll, test, score = line.split()
        cosine = y_D[enroll] @ y_D[test] / np.linalg.norm(y_D[enroll]) / np.linalg.norm(y_D[test])
        assert float(score) == pytest.approx(cosine, abs=1e-4)


def test_one_stage_can_be_forced_or_be_the_last(finished):
    assert "train_model" in rules_to_run(finished, "-R", "train_model", "results/mini_eer.txt")
    assert rules_to_run(finished, "--until", "make_feats", "-R", "make_feats") == {
        "split_wav_scp",
        "make_feats",
    }
    assert rules_to_run(finished, "data/train/feats.scp") == set()


def test_the_number_of_parts_changes_no_byte(finished, tmp_path):
    def more_parts(config):
        config["feats"]["num_jobs"] = 3
        config["xvectors"]["num_jobs"] = 2

    folder = edited(finished, tmp_path, more_parts)
    assert "make_feats" in rules_to_run(folder, "all")
    assert snakemake(folder, "all").returncode == 0
    for name in BYTES:
        assert (folder / name).read_bytes() == (finished / name).read_bytes(), name


def test_the_number_of_cores_changes_no_byte(finished, tmp_path):
    """Snakemake limits the threads of a rule to --cores; results must not depend on it."""
    folder = edited(finished, tmp_path, lambda config: None)
    done = snakemake(folder, "--cores", "1", "--forcerun", "train_model", "--", "all")
    assert done.returncode == 0, done.stderr[-2000:]
    ran = set(re.findall(r"^ *(?:local)?rule (\w+):$", done.stdout + done.stderr, re.M))
    assert {"train_model", "extract_xvectors", "estimate_step"} <= ran
    for name in BYTES:
        assert (folder / name).read_bytes() == (finished / name).read_bytes(), name


def test_killed_at_random_moments_it_ends_in_the_same_bytes(finished, tmp_path):
    folder = copy_recipe(ROOT / "egs/mini", tmp_path, shrink)
    shutil.copytree(finished / "corpus", folder / "corpus")  # the slowest part, tested by itself
    assert snakemake(folder, "--touch", "corpus").returncode == 0
    # counted in files, the last before three quarters: the same kills on any machine
    kill_at = [num_files(finished) * part // 8 for part in (1, 2, 4, 6)]
    moments = random.Random(1)
    num_kills = 0
    while not (folder / "results/manifest.json").exists():
        run = start_snakemake(folder, "all", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        enough = math.inf
        if num_kills < len(kill_at):
            enough = max(kill_at[num_kills], num_files(folder) + 1)
        while run.poll() is None and num_files(folder) < enough:
            time.sleep(0.02)
        if run.poll() is None:
            time.sleep(moments.uniform(0, 0.2))
            run.send_signal(signal.SIGKILL)  # the controller only: its jobs live on
            num_kills += 1
            run.communicate()
        else:
            assert run.returncode == 0, run.stderr.read().decode()[-2000:]
    assert num_kills == len(kill_at)
    for name in BYTES:
        assert (folder / name).read_bytes() == (finished / name).read_bytes(), name


def test_a_missing_corpus_stops_before_the_first_job_with_the_cure(tmp_path):
    folder = copy_recipe(ROOT / "egs/voxceleb", tmp_path, in_few_parts)
    done = snakemake(folder, "results/vox1_eer.txt")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in said
    assert "data.corpora.voxceleb1.root" in said
    assert "dev/wav/id10001" in said
    assert not (tmp_path / "data").exists()


def test_a_misspelt_key_stops_before_the_first_job_in_one_line(tmp_path):
    folder = copy_recipe(
        ROOT / "egs/mini", tmp_path, lambda config: config["chunks"].update(max_frame=1)
    )
    done = snakemake(folder, "all")
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "profile" not in line]
    assert len(lines) == 1
    assert "unknown key 'chunks.max_frame'. Did you mean 'max_frames'?" in lines[0]
    assert not Path(folder, "data").exists()


def test_a_kaldi_that_is_not_there_stops_before_the_first_job(tmp_path):
    folder = copy_recipe(ROOT / "egs/mini", tmp_path, shrink)
    done = snakemake(folder, "all", env={"KALDI_ROOT": str(tmp_path / "kaldi")})
    assert done.returncode == 1
    assert "path.sh: KALDI_ROOT is" in done.stderr.splitlines()[-1]
    assert not (folder / "logs").exists()


def test_the_system_file_gives_the_recipe_s_own_x_vectors_and_scores(finished, monkeypatch):
    monkeypatch.chdir(finished)
    system = load_system("results/system.swx")
    assert system.scored_by == "plda"
    wavs = read_table("data/mini_test/wav.scp")
    with SequentialReader("scp:exp/xvectors/mini_test/xvector.scp", FLOAT_VECTOR) as reader:
        vectors = dict(reader)
    for line in Path("exp/scores/plda/mini").read_text().splitlines()[::40]:
        enroll, test, score = line.split()
        verdict = system.verify(wavs[enroll], wavs[test])
        assert verdict.score == pytest.approx(float(score), abs=1e-5, rel=1e-6)
        np.testing.assert_allclose(system.embed(wavs[test]), vectors[test], atol=1e-5)
