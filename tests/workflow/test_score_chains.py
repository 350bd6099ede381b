"""A recipe whose systems normalise, calibrate and fuse scores: its plan, and a run of it."""

import csv
import re

import pytest

from tests.support.tiny_recipe import ROOT, copy_recipe, edited, in_few_parts, shrink, snakemake

SYSTEMS = {
    "plda": ["centre", "lda", "length_norm", "plda"],
    "cosine_asnorm": ["centre", "cosine", {"as_norm": {"cohort": "train", "top_n": 10}}],
    "plda_zt": ["centre", "plda", {"zt_norm": {"cohort": "train", "speakers": True}}],
    "calibrated": ["plda", {"logistic": {"calibrate_on": "cal", "p_target": 0.1}}],
    "qmf": [
        "cosine_asnorm",
        {
            "qmf": {
                "calibrate_on": "cal",
                "measures": ["duration_sec", "snr_db", "embedding_norm", "cohort_mean"],
            }
        },
    ],
    "fused": [{"fuse": {"systems": ["plda", "cosine_asnorm"], "calibrate_on": "cal"}}],
    "pav": ["fused", {"pav": {"calibrate_on": "cal"}}],
    "apart": ["centre", "cosine", {"mean_scores": {"over": "copies"}}],
}
LISTS = ("cal", "test")


def with_chains(config):
    """Two lists over the test set, of other speakers each; copies at two speeds; many systems."""
    config["xvectors"]["copies"] = {"speeds": [0.9, 1.0]}
    config["data"]["corpora"]["voxceleb1"]["trials"] = {n: {"file": f"{n}.lst"} for n in LISTS}
    sides = {"corpus": "voxceleb1", "enroll": "mini_test", "test": "mini_test"}
    config["data"]["trials"] = {name: dict(sides) for name in LISTS}
    config["scores"] = {"systems": SYSTEMS}


def write_lists(folder, source):
    """The trials of the recipe's corpus among its first and among its last two speakers."""
    trials = [line.split() for line in source.read_text().splitlines()]
    speakers = sorted({path.split("/")[0] for trial in trials for path in trial[1:]})
    for name, own in zip(LISTS, (speakers[:2], speakers[2:]), strict=True):
        lines = {
            " ".join(trial)
            for trial in trials
            if all(path.split("/")[0] in own for path in trial[1:])
        }
        (folder / f"{name}.lst").write_text("".join(f"{line}\n" for line in sorted(lines)))


def test_only_what_the_chains_read_is_planned(tmp_path):
    def change(config):
        shrink(config)
        with_chains(config)

    done = snakemake(copy_recipe(ROOT / "egs/mini", tmp_path, change), "--dry-run", "all")
    assert done.returncode == 0, done.stderr[-2000:]
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.M))
    assert int(counts["score_trials"]) == len(SYSTEMS) * len(LISTS)
    # cohorts of as_norm and zt_norm as vectors, and one file for each of the four calibrations
    assert int(counts["estimate_score_step"]) == 2 + 4
    # the dimension of LDA, two cohorts as lists, and the speakers of four calibrations
    assert int(counts["prepare_step"]) == 1 + 2 + 4
    jobs = re.findall(r"^ *rule (\w+):\n((?: +.*\n)+)", done.stdout, re.M)
    qmf = next(text for _, text in jobs if re.search(r"output: exp/scores/qmf/test$", text, re.M))
    for file in ("data/mini_test/vad.scp", "exp/vad/mini_test/vad.1-of-2.ark", "utt2dur"):
        assert file in qmf


def test_models_of_several_utterances_are_averaged_and_read_by_plda(tmp_path):
    def change(config):
        shrink(config)
        config["data"]["models"] = {"enrolled": {"of": "mini_test", "file": "conf/models"}}
        config["data"]["trials"]["mini"]["enroll"] = "enrolled"
        made = {"make": {"name": "all_pairs"}, "enroll": "enrolled", "test": "mini_test"}
        config["data"]["trials"]["made"] = made
        systems = {"plda": SYSTEMS["plda"], "mean": ["cosine", "mean_scores"]}
        config["scores"] = {"systems": systems}

    folder = copy_recipe(ROOT / "egs/mini", tmp_path, change)
    (folder / "conf/models").write_text("a id1-1 id1-2\n")
    done = snakemake(folder, "--dry-run", "-p", "all")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.M))
    assert (counts["prepare_models"], counts["average_xvectors"]) == ("1", "1")
    assert (counts["prepare_trials"], counts["make_trials"]) == ("1", "1")
    assert re.search(
        r"make_trials --make .*all_pairs.* --models data/enrolled/spk2utt ", done.stdout
    )
    assert re.search(r"prepare_models --models=\S*conf/models --data data/mini_test ", done.stdout)
    jobs = re.findall(r"^ *rule (\w+):\n((?: +.*\n)+)", done.stdout, re.M)
    plda = next(text for _, text in jobs if "output: exp/scores/plda/mini" in text)
    assert "exp/xvectors/enrolled/num_utts" in plda
    mean = next(text for _, text in jobs if "output: exp/scores/mean/mini" in text)
    assert "data/trials/mini.utterances" in mean
    assert "exp/xvectors/mini_test/xvector.scp" in mean
    wrong = edited(
        folder, tmp_path / "wrong", lambda c: c["data"]["models"]["enrolled"].update(of="train")
    )
    assert "a set that is trained on" in snakemake(wrong, "--dry-run", "all").stderr


def test_crops_share_the_features_of_their_utterances(tmp_path):
    def change(config):
        shrink(config)
        config["xvectors"]["copies"] = {"crops": {"count": 3, "frames": 60}}

    done = snakemake(copy_recipe(ROOT / "egs/mini", tmp_path, change), "--dry-run", "-p", "all")
    assert done.returncode == 0, done.stderr[-2000:]
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.M))
    made = ("prepare_copies", "share_features", "average_copies")
    assert [counts[rule] for rule in made] == ["1", "1", "1"]
    assert "data/mini_test_copies/wav.scp" not in done.stdout
    extractions = re.findall(r"extract_xvectors --config (\S+).* --out-ark (\S+)", done.stdout)
    assert {"copies" in config for config, ark in extractions if "_copies" in ark} == {True}
    assert {"copies" in config for config, ark in extractions if "_copies" not in ark} == {False}


@pytest.mark.parametrize(
    "overlays, systems",
    [
        (["as_norm"], "cosine_asnorm"),
        (["qmf"], "cosine_asnorm|qmf"),
        (["ecapa_c512", "large_margin"], "cosine|cosine_asnorm"),
    ],
)
def test_the_overlays_of_voxceleb_plan_their_systems_on_all_lists(tmp_path, overlays, systems):
    folder = copy_recipe(ROOT / "egs/voxceleb", tmp_path, in_few_parts)
    files = [str(ROOT / f"egs/voxceleb/{name}.yaml") for name in ("vox2_only", *overlays)]
    done = snakemake(folder, "--configfile", *files, "--dry-run", "--", "all")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    scored = set(re.findall(rf"output: exp/scores/({systems})/(\w+)$", done.stdout, re.M))
    lists = {name for _, name in scored}
    assert {"vox1_clean", "vox1_e_clean", "vox1_h_clean"} <= lists
    assert len(scored) == len(systems.split("|")) * len(lists)


@pytest.mark.slow
def test_a_finished_recipe_with_chains_laid_over_it_ends_with_results_for_all(finished, tmp_path):
    folder = edited(finished, tmp_path / "recipe", with_chains)
    write_lists(folder, folder / "corpus/voxceleb1/veri_test.txt")
    done = snakemake(folder, "all")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "rule train_model" not in done.stdout + done.stderr
    with open(folder / "results/metrics.tsv") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    measured = {(row["list"], row["system"]) for row in rows if row["metric"] == "eer_percent"}
    assert measured == {(name, system) for name in LISTS for system in SYSTEMS}
    said = [(folder / f"results/{name}_eer.txt").read_text() for name in LISTS]
    assert said[0].endswith("\ntrained on this list: calibrated, fused, pav, qmf\n")
    assert "trained on" not in said[1]
    copies = (folder / "data/mini_test_copies/utt2copies").read_text().split("\n")[0].split()
    assert copies[1:] == [f"{copies[0]}-sp0.9", copies[0]]
    log = (folder / "logs/score_trials/fused/cal.log").read_text()
    assert "cal: scores of the trials that were trained on" in log
