"""Random command lines on random inputs, by the built-in commands and by the Kaldi of KALDI_ROOT.

Both must refuse, or both must write the same within the tolerances of kaldi_compare.py.
A few cases of each family here; thousands by ``python -m tests.kaldi.random_cases``.
"""

import os

import pytest

from tests.kaldi.random_cases.draw import FAMILIES, draw_case
from tests.kaldi.test_live import SIDES, run
from tests.support.kaldi_compare import difference

KALDI_ROOT = os.environ.get("KALDI_ROOT", "")
pytestmark = [
    pytest.mark.kaldi,
    pytest.mark.skipif(not KALDI_ROOT, reason="KALDI_ROOT names no build of Kaldi"),
]
NUM_CASES = 8


def compare(name, number, folder):
    """Run a case with both: the case, Kaldi's exit code, and what differs, or None."""
    case = draw_case(name, number, folder)
    done = {}
    for side, kaldi_root in SIDES.items():
        (folder / side / "OUT").mkdir(parents=True)
        (folder / side / "in").symlink_to(folder / "in")
        done[side] = run(case.command, folder / side, kaldi_root)
    codes = {side: result.returncode for side, result in done.items()}
    if b"Traceback" in done["builtin"].stderr:
        return case, codes["kaldi"], done["builtin"].stderr.decode()[-600:]
    if bool(codes["builtin"]) != bool(codes["kaldi"]):
        last = [result.stderr.decode(errors="replace")[-300:] for result in done.values()]
        return case, codes["kaldi"], f"exit codes {codes}: {last}"
    if codes["kaldi"]:
        return case, codes["kaldi"], None
    for file, kind in case.outputs.items():
        got, want = (folder / side / "OUT" / file for side in ("builtin", "kaldi"))
        what = difference(kind, got, want, f"{name} {case.command}")
        if what:
            return case, 0, what
    return case, 0, None


@pytest.mark.parametrize("number", range(NUM_CASES))
@pytest.mark.parametrize("name", FAMILIES)
def test_a_random_command_does_what_kaldis_does(name, number, tmp_path):
    case, _, what = compare(name, number, tmp_path)
    assert what is None, case.command
