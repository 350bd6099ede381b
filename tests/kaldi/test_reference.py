"""The built-in commands do what the real Kaldi's did: see tests/golden/kaldi/README.md."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from steps_py.kaldi.commands import COMMANDS
from tests.support import forked_python
from tests.support.kaldi_compare import difference, stdout_difference

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/kaldi"
CASES = {case["name"]: case for case in json.loads((GOLDEN / "cases.json").read_text())}

# Commands of the cases that do not exist yet.  This list can only get shorter.
NOT_BUILT = set()


def commands_of(case):
    """The Kaldi commands that a case runs."""
    return set(re.findall(r"(?<![\w/-])[a-z0-9]+(?:-[a-z0-9]+)+(?= )", case["command"])) & set(
        COMMANDS
    )


def is_built(name):
    return (ROOT / "steps_py/kaldi" / f"{COMMANDS[name]}.py").exists()


RUNNABLE = [name for name, case in CASES.items() if not commands_of(case) & NOT_BUILT]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the commands run: they find inputs/ and expected/, and write to OUT/<case>/."""
    folder = tmp_path_factory.mktemp("reference")
    for name in ("inputs", "expected"):
        (folder / name).symlink_to(GOLDEN / name)
    return folder


def run(command, folder):
    script = f". {ROOT}/path.sh; set -o pipefail; {command}"
    environment = os.environ | {"SIDEWINDER_STRICT": "0", "OMP_NUM_THREADS": "1"}
    environment |= forked_python.environment()
    environment.pop("KALDI_ROOT", None)
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, timeout=120
    )


@pytest.mark.parametrize("name", RUNNABLE)
def test_command_agrees_with_kaldi(name, folder):
    case = CASES[name]
    out = folder / "OUT" / name
    out.mkdir(parents=True)
    done = run(case["command"].replace("OUT/", f"OUT/{name}/"), folder)
    messages = done.stderr.decode(errors="replace")
    assert "Traceback" not in messages
    assert done.returncode == case["exit_code"], messages
    if done.returncode == 0:
        for file, kind in case["outputs"].items():
            assert difference(kind, out / file, GOLDEN / "expected" / name / file, name) is None
        printed = (GOLDEN / "expected" / name / "stdout.txt").read_text()
        assert stdout_difference(done.stdout.decode(), printed) is None


def test_every_case_names_a_known_command():
    assert [name for name, case in CASES.items() if not commands_of(case)] == []


def test_no_command_on_the_list_of_missing_ones_exists():
    assert [name for name in sorted(NOT_BUILT) if is_built(name)] == []


def test_every_missing_command_is_on_the_list():
    needed = set().union(*map(commands_of, CASES.values()))
    assert sorted(name for name in needed - NOT_BUILT if not is_built(name)) == []
