"""The built-in commands do what the real Kaldi's did: tests/golden/kaldi_ivector/README.md.

The commands run in forks of one process, by way of launchers on PATH, so that the cases stay
the command lines that Kaldi ran.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

from steps_py.kaldi.commands import COMMANDS
from tests.support.command_server import running_server
from tests.support.kaldi_object_compare import compare, compare_words

GOLDEN = Path(__file__).resolve().parents[1] / "golden/kaldi_ivector"
CASES = {case["name"]: case for case in json.loads((GOLDEN / "cases.json").read_text())}

# 150 equal frames, an utterance of one frame: their deviation in Kaldi is its rounding error.
LOOSER = {"xv_batched_default": {"atol": 0.01}}


def commands_of(case):
    """The Kaldi commands that a case runs."""
    words = re.findall(r"(?<![\w/-])[a-z0-9]+(?:-[a-z0-9]+)+(?=\s|$)", case["command"])
    return set(words) & set(COMMANDS)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(folder, environment): where the commands run, with inputs/, expected/ and OUT/<case>/."""
    folder = tmp_path_factory.mktemp("reference")
    for name in ("inputs", "expected"):
        (folder / name).symlink_to(GOLDEN / name)
    with running_server(tmp_path_factory.mktemp("server")) as environment:
        yield folder, environment


@pytest.mark.parametrize("name", CASES)
def test_command_agrees_with_kaldi(name, place):
    case = {**CASES[name], **LOOSER.get(name, {})}
    folder, environment = place
    out = folder / "OUT" / name
    out.mkdir(parents=True)
    done = subprocess.run(
        ["bash", "-c", "set -o pipefail; " + case["command"].replace("OUT/", f"OUT/{name}/")],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    messages = done.stderr.decode(errors="replace")
    assert "Traceback" not in messages
    assert (done.returncode == 0) == (case["exit_code"] == 0), messages
    if done.returncode == 0:
        for file, kind in case["outputs"].items():
            assert compare(kind, out / file, GOLDEN / "expected" / name / file, case) is None
        printed = (GOLDEN / "expected" / name / "stdout.txt").read_text()
        if printed.strip():
            assert compare_words(done.stdout.decode(), printed, 1e-3, 1e-2, "stdout") is None


def test_every_case_names_a_command():
    assert [name for name, case in CASES.items() if not commands_of(case)] == []
