"""path.sh chooses whose commands run, and can be sourced anywhere and again."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT_IN = str(ROOT / "steps_py/kaldi/bin")
SOURCE = f". {ROOT}/path.sh"


def bash(script, folder="/", **variables):
    """Run a script in a strict bash with only PATH, HOME and `variables` set."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/", **variables}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


def printed(script, **more):
    done = bash(script, **more)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.rstrip("\n")


@pytest.fixture
def kaldi(tmp_path):
    """A folder that looks like a Kaldi build, with commands that print so."""
    names = ["featbin/compute-mfcc-feats", "ivectorbin/ivector-compute-plda", "bin/copy-vector"]
    for name in [*names, "nnet3bin/nnet3-copy"]:
        binary = tmp_path / "kaldi root" / "src" / name
        binary.parent.mkdir(parents=True, exist_ok=True)
        binary.write_text("#!/bin/sh\necho the real one\n")
        binary.chmod(0o755)
    return tmp_path / "kaldi root"


def test_without_kaldi_the_built_in_commands_are_first(tmp_path):
    script = f"{SOURCE}; command -v copy-feats"
    assert printed(script, folder=tmp_path) == f"{BUILT_IN}/copy-feats"


def test_it_finds_itself_by_a_relative_name_and_through_cdpath(tmp_path):
    script = ". ../path.sh; command -v copy-feats"
    assert printed(script, folder=ROOT / "steps_py", CDPATH=".:..") == f"{BUILT_IN}/copy-feats"


def test_sourcing_twice_changes_nothing_more():
    script = f"{SOURCE}; env | sort > /dev/stdout; echo ==; {SOURCE}; env | sort"
    once, twice = printed(script).split("==\n")
    assert once.strip().splitlines() == twice.strip().splitlines()


def test_variables_of_the_contract_are_exported():
    script = f"{SOURCE}; env"
    lines = printed(script).splitlines()
    for line in ("LC_ALL=C", "PYTHONUNBUFFERED=1", f"PYTHONPATH={ROOT}"):
        assert line in lines


def test_the_users_own_paths_stay():
    shown = printed(f"{SOURCE}; echo $PYTHONPATH; echo $PATH", PYTHONPATH="/mine", PATH="/bin:/x")
    assert shown.splitlines()[0] == f"{ROOT}:/mine"
    assert shown.splitlines()[1].endswith(":/bin:/x")


def test_only_the_recipes_are_strict():
    assert printed(f"{SOURCE}; echo ${{SIDEWINDER_STRICT:-no}}") == "no"
    assert printed(f"{SOURCE} --strict; echo ${{SIDEWINDER_STRICT:-no}}") == "1"


def test_with_kaldi_its_binaries_run_and_the_built_in_ones_cannot(kaldi):
    script = f"{SOURCE}; compute-mfcc-feats; nnet3-copy; command -v copy-feats || echo none"
    shown = printed(script, KALDI_ROOT=str(kaldi))
    assert shown.splitlines() == ["the real one", "the real one", "none"]


def test_switching_to_kaldi_and_back_leaves_no_trace(kaldi):
    script = (
        f"{SOURCE}; before=$PATH; export KALDI_ROOT='{kaldi}'; {SOURCE};"
        f" command -v copy-feats || echo none; copy-vector; unset KALDI_ROOT; {SOURCE};"
        ' test "$PATH" = "$before"; command -v copy-vector'
    )
    assert printed(script).splitlines() == ["none", "the real one", f"{BUILT_IN}/copy-vector"]


def test_a_relative_kaldi_root_holds_after_a_change_of_folder(kaldi):
    script = f"{SOURCE}; cd /; copy-vector"
    assert printed(script, folder=kaldi.parent, KALDI_ROOT="kaldi root") == "the real one"


def test_a_kaldi_that_is_not_built_is_named_and_nothing_is_offered_instead(tmp_path):
    script = (
        f"set +e; {SOURCE}; echo status $?; command -v copy-feats; declare -F; set | grep ^steps_"
    )
    done = bash(script, KALDI_ROOT=str(tmp_path), PATH=f"{BUILT_IN}:/usr/bin:/bin")
    assert done.stdout.splitlines() == ["status 1"]
    assert f"KALDI_ROOT is {tmp_path}" in done.stderr
    assert "Build Kaldi, or unset KALDI_ROOT" in done.stderr


def test_a_strict_shell_stops_at_a_kaldi_that_is_not_built(tmp_path):
    done = bash(f"{SOURCE}; echo reached", KALDI_ROOT=str(tmp_path))
    assert done.returncode == 1 and "reached" not in done.stdout


def test_it_leaves_no_helper_names_behind():
    assert printed(f"{SOURCE}; declare -F; set | grep -c ^steps_ || true") == "0"


def test_the_environment_of_the_checkout_comes_before_the_users(tmp_path):
    python = tmp_path / ".venv/bin/python3"
    python.parent.mkdir(parents=True)
    python.symlink_to("/bin/true")
    shutil.copy(ROOT / "path.sh", tmp_path)
    shown = printed(f"{SOURCE}; . {tmp_path}/path.sh; command -v python3; echo $VIRTUAL_ENV")
    assert shown.splitlines() == [str(python), f"{tmp_path}/.venv"]


def test_the_launchers_are_executable():
    assert all(os.access(path, os.X_OK) for path in Path(BUILT_IN).iterdir())


def test_recipes_compute_on_one_thread_independent_of_the_rule_s_threads():
    """Sums of BLAS round by the number of threads, which Snakemake cuts down to --cores."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    given = dict.fromkeys(names, "7")
    show = "; echo " + " ".join(f"${name}" for name in names)
    assert printed(SOURCE + " --strict" + show, **given) == "1 1 1"
    assert printed(SOURCE + show, **given) == "7 7 7"
