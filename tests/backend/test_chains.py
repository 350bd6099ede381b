"""Chains that read other systems and trial lists."""

import os
import subprocess
from pathlib import Path

import pytest

from steps_py.backend.systems import Systems, check_systems
from steps_py.errors import ConfigError, ScoreError
from steps_py.stages import run_step

ROOT = Path(__file__).parents[2]
TRIALS = {
    "dev": {"enroll": "dev_set", "test": "dev_set"},
    "test": {"enroll": "test_set", "test": "test_set"},
}
BACKEND = {"train_sets": ["train"], "adapt_set": None}
LOGISTIC = {"logistic": {"calibrate_on": "dev"}}
FUSED = {
    "plda": ["centre", "lda", "length_norm", "plda"],
    "cosine": ["centre", "cosine"],
    "fused": [{"fuse": {"systems": ["plda", "cosine"], "calibrate_on": "dev"}}],
}


def systems_of(systems):
    return Systems({"systems": systems}, BACKEND, TRIALS, dim=8)


def fault(systems):
    with pytest.raises(ConfigError) as caught:
        check_systems({"systems": systems}, BACKEND, list(TRIALS), ["train", "dev_set"])
    return str(caught.value)


def test_a_chain_that_begins_with_a_system_reads_its_scores():
    systems = systems_of(FUSED | {"mine": ["fused", LOGISTIC]})
    scores = systems.score("mine", "test")
    assert scores.text.startswith("cat exp/scores/fused/test | ")
    assert "exp/scores/fused/test" in scores.inputs
    (weights,) = [path for path in scores.inputs if path.endswith("weights.json")]
    estimate = systems.estimate(weights.removeprefix("exp/backend/"))
    assert estimate.text.startswith("cat exp/scores/fused/dev | ")
    assert {"exp/scores/fused/dev", "data/trials/dev"} <= set(estimate.inputs)


def test_a_name_of_step_and_system_is_the_system_where_scores_are_changed():
    systems = systems_of({"cosine": ["centre", "cosine"], "calibrated": ["cosine", LOGISTIC]})
    assert systems.score("calibrated", "dev").text.startswith("cat exp/scores/cosine/dev | ")
    raw = systems_of({"cosine": ["centre", "cosine"], "raw": ["cosine"]})
    assert "exp/backend/centre/mean.vec" not in raw.score("raw", "dev").inputs
    step = systems_of({"cosine": ["centre", "cosine"], "raw": [{"cosine": None}, LOGISTIC]})
    assert step.score("raw", "dev").text.startswith("ivector-compute-dot-products")


def test_a_fusion_reads_all_its_systems_and_no_vector():
    systems = systems_of(FUSED)
    scores = systems.score("fused", "test")
    assert {"exp/scores/plda/test", "exp/scores/cosine/test"} <= set(scores.inputs)
    assert not [path for path in scores.inputs if "xvector" in path]
    assert "exp/scores/plda/dev" in systems.inputs()


def test_scores_before_a_step_within_a_chain_are_computed_on_the_way():
    systems = systems_of({"one": ["centre", "cosine", LOGISTIC]})
    (weights,) = systems.score_estimates()
    assert systems.estimate(weights).text.startswith("ivector-compute-dot-products")
    assert systems.vector_estimates() == ["centre/mean.vec"]


def test_calibrated_systems_and_results_on_training_trials_are_known():
    systems = systems_of(FUSED | {"mine": ["cosine", LOGISTIC]})
    assert [systems.calibrated(name) for name in systems.names] == [False, False, True, True]
    assert systems.trained_on("fused", "dev")
    assert not systems.trained_on("fused", "test")
    assert not systems.trained_on("cosine", "dev")


@pytest.mark.parametrize(
    "systems, words",
    [
        ({"a": ["b", LOGISTIC], "b": ["a", LOGISTIC]}, "in a circle, a -> b -> a"),
        ({"a": ["a", LOGISTIC]}, "in a circle, a -> a"),
        (
            {"a": [{"fuse": {"systems": ["b"], "calibrate_on": "dev"}}], "b": ["a", LOGISTIC]},
            "in a circle, a -> b -> a",
        ),
        (
            {"cosine": ["cosine"], "f": [{"fuse": {"systems": ["cosin"], "calibrate_on": "dev"}}]},
            "names the system 'cosin'. Did you mean 'cosine'?",
        ),
        ({"mine": ["cosine"], "b": ["mein", LOGISTIC]}, "unknown name 'mein'."),
        ({"mine": ["cosine"], "b": ["mine"]}, "a chain must be"),
        ({"mine": ["cosine"], "b": ["mine", "plda"]}, "a chain must be"),
        ({"b": ["centre", {"fuse": {"systems": ["b"], "calibrate_on": "dev"}}]}, "in a circle"),
        (
            {"a": ["cosine", {"logistic": {"calibrate_on": "dve"}}]},
            "names the trial list 'dve'. Did you mean 'dev'?",
        ),
        ({"a": ["cosine", {"logistic": {}}]}, "calibrate_on"),
        ({"a": ["cosine", {"logistic": {"calibrate_on": "dev", "p_target": 1}}]}, "is not below 1"),
    ],
)
def test_a_chain_that_leads_nowhere_is_refused(systems, words):
    assert words in fault(systems)


def test_a_system_that_reads_a_faulty_one_has_no_message_of_its_own():
    lines = fault({"bad": ["cosin"], "more": ["bad", LOGISTIC]}).splitlines()
    assert [line.split(":")[0] for line in lines] == ["'scores.systems.bad'"]


# -- run


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Scores of two systems on two lists, as score_trials leaves them."""
    for name, spks in {"dev": "abc", "test": "xyz"}.items():
        (tmp_path / f"data/{name}_set").mkdir(parents=True)
        table = "".join(f"{spk}{n} {spk}\n" for spk in spks for n in range(4))
        (tmp_path / f"data/{name}_set/utt2spk").write_text(table)
        utts = [line.split()[0] for line in table.splitlines()]
        trials = [(e, t) for e in utts for t in utts if e < t]
        labels = ["target" if e[0] == t[0] else "nontarget" for e, t in trials]
        (tmp_path / "data/trials").mkdir(exist_ok=True)
        (tmp_path / f"data/trials/{name}").write_text(
            "".join(f"{e} {t} {label}\n" for (e, t), label in zip(trials, labels, strict=True))
        )
        for number, system in enumerate(("plda", "cosine")):
            folder = tmp_path / f"exp/scores/{system}"
            folder.mkdir(parents=True, exist_ok=True)
            values = [
                (label == "target") + (place * (7 + number)) % 11 / 5
                for place, label in enumerate(labels)
            ]
            lines = [f"{e} {t} {v}\n" for (e, t), v in zip(trials, values, strict=True)]
            (folder / name).write_text("".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command):
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; . '{ROOT}/path.sh' --strict; {command.text}"],
        env={**os.environ, "KALDI_ROOT": ""},
        capture_output=True,
        text=True,
    )


def test_the_mean_of_systems_is_that_of_their_scores(recipe):
    systems = systems_of(
        {
            "plda": ["plda"],
            "cosine": ["cosine"],
            "mean": [{"mean_systems": {"systems": ["plda", "cosine"]}}],
        }
    )
    done = run(systems.score("mean", "test"))
    assert done.returncode == 0, done.stderr
    files = (recipe / f"exp/scores/{name}/test" for name in ("plda", "cosine"))
    columns = [[float(line.split()[2]) for line in file.read_text().splitlines()] for file in files]
    mean = [(a + b) / 2 for a, b in zip(*columns, strict=True)]
    got = [float(line.split()[2]) for line in done.stdout.splitlines()]
    assert got == pytest.approx(mean, rel=1e-6)


OTHER = {"scores_of_recipe": {"recipe": "../other", "system": "plda"}}


def test_scores_of_another_recipe_are_read_in_the_order_of_the_trial_list(recipe):
    trials = [line.split()[:2] for line in (recipe / "data/trials/test").read_text().splitlines()]
    score_of = {tuple(pair): place / 8 for place, pair in enumerate(trials)}
    lines = [f"{e} {t} {score}\n" for (e, t), score in reversed(score_of.items())]
    folder = recipe.parent / "other/exp/scores/plda"
    folder.mkdir(parents=True)
    (folder / "test").write_text("".join(["more trials 9\n", *lines]))
    command = systems_of({"ivector": [OTHER]}).score("ivector", "test")
    assert "../other/exp/scores/plda/test" in command.inputs
    done = run(command)
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()] == [
        [*pair, f"{score:g}"] for pair, score in score_of.items()
    ]
    (folder / "test").write_text("".join(lines[1:]))
    with pytest.raises(ScoreError, match=r"1 of the 66 trials .* no score there \(z2 z3\)"):
        step = '{"name": "scores_of_recipe", "recipe": "../other", "system": "plda"}'
        run_step.main(["--step", step, "write_scores", str(folder / "test"), "data/trials/test"])


def test_a_fusion_with_another_recipe_is_trained_on_both(recipe):
    systems = systems_of(
        {
            "plda": ["plda"],
            "ivector": [OTHER],
            "fused": [{"fuse": {"systems": ["plda", "ivector"], "calibrate_on": "dev"}}],
        }
    )
    (weights,) = systems.score_estimates()
    assert "exp/scores/ivector/dev" in systems.estimate(weights).inputs
    assert systems.calibrated("fused") and not systems.calibrated("ivector")
    assert systems.kept("fused") is None


def test_a_fusion_and_its_calibration_run_on_lists_of_other_speakers(recipe):
    systems = systems_of(FUSED)
    for file in [*systems.early(), *systems.score_estimates()]:
        if "fuse" in file:
            (recipe / "exp/backend" / file).parent.mkdir(parents=True, exist_ok=True)
            done = run(systems.estimate(file))
            assert done.returncode == 0, done.stderr
    done = run(systems.score("fused", "test"))
    assert done.returncode == 0, done.stderr
    labels = [line.split()[2] for line in (recipe / "data/trials/test").read_text().splitlines()]
    fused = [float(line.split()[2]) for line in done.stdout.splitlines()]
    mean = {
        kind: sum(s for s, label in zip(fused, labels, strict=True) if label == kind)
        / labels.count(kind)
        for kind in ("target", "nontarget")
    }
    assert mean["target"] > 0 > mean["nontarget"]
    assert "that were trained on" not in done.stderr
    assert (
        "dev: scores of the trials that were trained on"
        in run(systems.score("fused", "dev")).stderr
    )


def test_a_calibration_list_that_shares_a_speaker_is_refused_from_tables_alone(recipe):
    table = recipe / "data/test_set/utt2spk"
    table.write_text(table.read_text().replace("x0 x\n", "x0 b\n"))
    (early,) = [file for file in systems_of(FUSED).early() if "fuse" in file]
    command = systems_of(FUSED).estimate(early)
    assert all(path.startswith("data/") for path in command.inputs)
    done = run(command)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "run_step: calibrate_on: the trial list 'dev' shares 1 speaker with the trial list 'test'"
        " (b). Calibrate on speakers that are in no list that is scored."
    )


def test_separable_scores_are_regularised_and_that_is_said(recipe, capsys):
    lines = [line.split() for line in (recipe / "data/trials/dev").read_text().splitlines()]
    text = "".join(f"{e} {t} {2 if kind == 'target' else 1}\n" for e, t, kind in lines)
    for system in ("plda", "cosine"):
        (recipe / f"exp/scores/{system}/dev").write_text(text)
    step = '{"name": "fuse", "systems": ["plda", "cosine"], "calibrate_on": "dev"}'
    scores = ["exp/scores/plda/dev", "exp/scores/cosine/dev"]
    run_step.main(["--step", step, "write_weights", "data/trials/dev", "weights.json", *scores])
    assert "the weights are regularised" in capsys.readouterr().err
    (recipe / "data/trials/dev").write_text("".join(f"{e} {t} target\n" for e, t, _ in lines))
    with pytest.raises(ScoreError, match="is a nontarget trial"):
        run_step.main(["--step", step, "write_weights", "data/trials/dev", "w.json", *scores])
    assert not (recipe / "w.json").exists()
