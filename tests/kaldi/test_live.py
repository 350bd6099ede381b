"""The built-in commands beside the Kaldi that KALDI_ROOT names, on the same inputs, both run now.

The golden files hold us to one build of Kaldi; this holds us to yours.  Every reference case
runs with both, and is compared as tests/support/kaldi_compare.py compares.

Then the tiny recipe of test_mini_recipe.py, in three comparisons.  A network trained on
features that differ in their last bits is another network, so it is trained once, with the
built-in commands, and both sides get that one:

* features and voice activity of all sets, augmented copies included, from the same audio;
* back-end and scores from the same x-vectors, where nothing but rounding may differ;
* everything from audio to EER by the real Kaldi with that network.  Compressed features fall
  on one or the other side of a step of a byte, so this one has room for that.
"""

import os
import shutil
import subprocess
from pathlib import Path

import kaldi_native_io
import numpy as np
import pandas as pd
import pytest

from steps_py.nnet3 import convert
from tests.kaldi.test_reference import CASES, GOLDEN, ROOT, RUNNABLE, commands_of
from tests.support.kaldi_compare import difference, stdout_difference
from tests.support.tiny_recipe import copy_recipe, shrink, snakemake

KALDI_ROOT = os.environ.get("KALDI_ROOT", "")
pytestmark = [
    pytest.mark.kaldi,
    pytest.mark.skipif(not KALDI_ROOT, reason="KALDI_ROOT names no build of Kaldi"),
]
SIDES = {"kaldi": KALDI_ROOT, "builtin": ""}
SETS = ("train", "train_augmented", "mini_test")
BACKEND = ("estimate_step", "score_trials")


def missing_commands(case):
    folders = [
        Path(KALDI_ROOT, "src", name) for name in ("featbin", "ivectorbin", "nnet3bin", "bin")
    ]
    return [
        name
        for name in sorted(commands_of(case))
        if not any((folder / name).exists() for folder in folders)
    ]


def run(command, folder, kaldi_root):
    """The command as a recipe runs it: path.sh selects it."""
    return subprocess.run(
        ["bash", "-c", f". {ROOT}/path.sh; set -o pipefail; {command}"],
        cwd=folder,
        env={
            **os.environ,
            "KALDI_ROOT": kaldi_root,
            "SIDEWINDER_STRICT": "0",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        timeout=120,
    )


@pytest.mark.parametrize("name", RUNNABLE)
def test_both_do_the_same(name, tmp_path):
    case = CASES[name]
    missing = missing_commands(case)
    if missing:
        pytest.skip(f"this build of Kaldi has no {', '.join(missing)}")
    done = {}
    for side, kaldi_root in SIDES.items():
        folder = tmp_path / side
        (folder / "OUT").mkdir(parents=True)
        for given in ("inputs", "expected"):
            (folder / given).symlink_to(GOLDEN / given)
        done[side] = run(case["command"], folder, kaldi_root)
    assert done["builtin"].returncode == done["kaldi"].returncode, done
    if done["kaldi"].returncode == 0:
        for file, kind in case["outputs"].items():
            got, want = (tmp_path / side / "OUT" / file for side in ("builtin", "kaldi"))
            assert difference(kind, got, want, name) is None
        printed = [done[side].stdout.decode() for side in ("builtin", "kaldi")]
        assert stdout_difference(*printed) is None


@pytest.fixture(scope="module")
def builtin(tmp_path_factory):
    """The tiny recipe, from audio to EER with the built-in commands."""
    folder = copy_recipe(ROOT / "egs/mini", tmp_path_factory.mktemp("live") / "builtin", keep_all)
    made(folder, "", "all")
    return folder


@pytest.fixture(scope="module")
def kaldi(builtin):
    """The same recipe and corpus, features and voice activity by the real Kaldi."""
    folder = copy_recipe(ROOT / "egs/mini", builtin.parent / "kaldi", keep_all)
    shutil.copytree(builtin / "corpus", folder / "corpus")
    wanted = [f"data/{dset}/{name}.scp" for dset in SETS for name in ("feats", "vad")]
    made(folder, KALDI_ROOT, *wanted)
    return folder


def keep_all(config):
    shrink(config)
    config["augment"]["keep_feats"] = True


def made(folder, kaldi_root, *targets):
    done = snakemake(folder, *targets, env={"KALDI_ROOT": kaldi_root, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def table(folder, script, monkeypatch):
    """The matrices or vectors behind a script file, whose names are relative to `folder`."""
    monkeypatch.chdir(folder)
    kind = "Matrix" if script.endswith("feats.scp") else "Vector"
    reader = getattr(kaldi_native_io, f"SequentialFloat{kind}Reader")(f"scp:{script}")
    return {key: np.array(value) for key, value in reader}


@pytest.mark.slow
@pytest.mark.parametrize("dset", SETS)
def test_features_of_the_same_audio_are_the_same_to_a_step_of_a_byte(
    builtin, kaldi, dset, monkeypatch
):
    ours, theirs = (table(side, f"data/{dset}/feats.scp", monkeypatch) for side in (builtin, kaldi))
    assert list(ours) == list(theirs)
    for key, x_TD in theirs.items():
        step_D = np.ptp(x_TD, axis=0) / 64  # the widest of a column's three stretches
        assert ours[key].shape == x_TD.shape
        assert (np.abs(ours[key] - x_TD) <= 0.01 + step_D).all(), key


@pytest.mark.slow
@pytest.mark.parametrize("dset", SETS)
def test_voice_activity_is_the_same_but_for_frames_on_the_threshold(
    builtin, kaldi, dset, monkeypatch
):
    ours, theirs = (table(side, f"data/{dset}/vad.scp", monkeypatch) for side in (builtin, kaldi))
    assert list(ours) == list(theirs)
    all_ours, all_theirs = (np.concatenate([*x.values()]) for x in (ours, theirs))
    assert (all_ours != all_theirs).mean() < 0.002


def scores(folder, system):
    lines = [line.split() for line in (folder / f"exp/scores/{system}/mini").open()]
    return {(a, b): float(score) for a, b, score in lines}


def eers(folder):
    metrics = pd.read_csv(folder / "results/metrics.tsv", sep="\t")
    metrics = metrics[metrics.metric == "eer_percent"]
    return dict(zip(metrics.system, metrics.value, strict=True))


def one_trial_percent(folder):
    """How far the EER moves when two scores change places."""
    labels = [line.split()[2] for line in (folder / "data/trials/mini").open()]
    return 100 / min(labels.count("target"), labels.count("nontarget"))


def largest_difference(ours, theirs):
    assert list(ours) == list(theirs)
    return max(abs(ours[pair] - theirs[pair]) for pair in ours)


@pytest.mark.slow
def test_backend_and_scores_from_the_same_xvectors_are_the_same(builtin, tmp_path):
    folder = tmp_path / "recipe"
    shutil.copytree(builtin, folder)
    made(folder, KALDI_ROOT, "--rerun-triggers", "mtime", "--forcerun", *BACKEND, "--", "all")
    assert (
        f"commands  {os.path.realpath(KALDI_ROOT)}" in (folder / "results/mini_eer.txt").read_text()
    )
    for system in ("plda", "cosine"):
        assert largest_difference(scores(builtin, system), scores(folder, system)) < 1e-3
        assert abs(eers(builtin)[system] - eers(folder)[system]) <= 0.01


@pytest.mark.slow
def test_audio_to_eer_with_the_same_network_ends_in_the_same_place(builtin, kaldi, tmp_path):
    folder = tmp_path / "recipe"
    shutil.copytree(kaldi, folder)
    for part in ("exp/chunks", "exp/model"):  # newer than the features: nothing to be trained
        shutil.copytree(builtin / part, folder / part, copy_function=shutil.copyfile)
    made(folder, KALDI_ROOT, "--rerun-triggers", "mtime", "--", "all")
    model = "exp/model/final.pt"
    assert (folder / model).read_bytes() == (builtin / model).read_bytes()
    for system in ("plda", "cosine"):
        ours, theirs = scores(builtin, system), scores(folder, system)
        assert largest_difference(ours, theirs) < 0.02 * np.std([*theirs.values()])
        assert abs(eers(builtin)[system] - eers(folder)[system]) <= one_trial_percent(folder) + 0.01


@pytest.mark.slow
def test_a_network_trained_here_gives_the_same_xvectors_in_kaldi(builtin, tmp_path, monkeypatch):
    if not Path(KALDI_ROOT, "src/nnet3bin/nnet3-xvector-compute").exists():
        pytest.skip("this build of Kaldi has no nnet3-xvector-compute")
    network, made_by_kaldi = tmp_path / "extract.raw", tmp_path / "xvector.ark"
    convert.main(["to-nnet3", str(builtin / "exp/model/final.pt"), str(network)])
    done = run(
        "apply-cmvn-sliding --norm-vars=false --center=true --cmn-window=300"
        " scp:data/mini_test/feats.scp ark:- | select-voiced-frames ark:-"
        " scp,s,cs:data/mini_test/vad.scp ark:- | nnet3-xvector-compute --use-gpu=no"
        f" --min-chunk-size=25 --chunk-size=10000 {network} ark:- ark:{made_by_kaldi}",
        builtin,
        KALDI_ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ours = table(builtin, "exp/xvectors/mini_test/xvector.scp", monkeypatch)
    reader = kaldi_native_io.SequentialFloatVectorReader(f"ark:{made_by_kaldi}")
    theirs = {key: np.array(value) for key, value in reader}
    assert sorted(ours) == sorted(theirs)
    for key, x_E in theirs.items():
        assert np.linalg.norm(ours[key] - x_E) <= 1e-4 * np.linalg.norm(x_E), key
