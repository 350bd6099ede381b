"""compute-eer: what it prints, and what it refuses."""

import pytest

from steps_py.kaldi.commands import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "lines, printed",
    [
        ("1 target\n2 target\n3 target\n4 target\n0 nontarget\n1.5 nontarget\n", "25"),
        ("3 target\n0 nontarget\n", "0"),
        ("0 target\n1 target\n2 nontarget\n", "50"),
        ("1e0\ttarget\n-inf nontarget\r\n", None),  # a carriage return is white space too
        (" 3 target\n  .5e1  target\n2 nontarget\n", "0"),
    ],
)
def test_eer_is_printed_in_percent(lines, printed, folder, capfd):
    (folder / "scores").write_text(lines)
    assert main(["compute-eer", "scores"]) == 0
    out, err = capfd.readouterr()
    assert printed is None or out == printed
    assert "Equal error rate is" in err and "at threshold" in err


@pytest.mark.parametrize(
    "lines, message",
    [
        ("", "empty input"),
        ("1 target\n", "no nontarget scores seen"),
        ("1 nontarget\n", "no target scores seen"),
        ("1 tgt\n2 nontarget\n", "not 'tgt'"),
        ("one target\n", "must be a number, not 'one'"),
        ("1_0 target\n", "must be a number, not '1_0'"),
        ("1 2 target\n", "scores:1: 3 fields in '1 2 target'. Write a score and 'target'"),
        ("nan target\n1 nontarget\n", "1 of 1 target scores are nan"),
    ],
)
def test_eer_of_invalid_scores_is_refused_with_the_reason(lines, message, folder, capfd):
    (folder / "scores").write_text(lines)
    assert main(["compute-eer", "scores"]) == 255
    err = capfd.readouterr().err
    assert message in err and "Traceback" not in err
