"""Every command has its launcher, its module, and the manners of a Kaldi command."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from steps_py.errors import AudioError
from steps_py.formats import log
from steps_py.formats.log import Tally
from steps_py.kaldi import commands
from steps_py.kaldi.commands import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
KALDI = ROOT / "steps_py/kaldi"
BUILT = sorted({module for module in COMMANDS.values() if (KALDI / f"{module}.py").exists()})


def run(script, **variables):
    """Run a script as a rule would, after path.sh."""
    environment = {**os.environ, "SIDEWINDER_STRICT": "0", **variables}
    environment.pop("KALDI_ROOT", None)
    return subprocess.run(
        ["bash", "-c", f". {ROOT}/path.sh; {script}"],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def command(monkeypatch):
    """Register a function as copy-feats for the length of a test."""

    def register(function, **more):
        spec = commands.Command("copy-feats", function, "Usage: copy-feats", None, 1, 2)
        monkeypatch.setitem(commands._registered, "copy-feats", spec)

    return register


# launchers and modules


def test_there_is_a_launcher_for_each_command_whose_module_exists():
    built = {name for name, module in COMMANDS.items() if module in BUILT}
    assert {path.name for path in (KALDI / "bin").iterdir()} == built


def test_the_page_lists_every_command():
    page = (ROOT / "docs/kaldi.md").read_text()
    assert [name for name in COMMANDS if f"`{name}`" not in page] == []


def test_launchers_are_two_lines_and_executable():
    for path in (KALDI / "bin").iterdir():
        assert path.read_text() == f'#!/bin/sh\nexec python3 -m steps_py.kaldi {path.name} "$@"\n'
        assert os.access(path, os.X_OK)


@pytest.mark.parametrize("module", BUILT)
def test_a_module_registers_exactly_its_commands(module):
    home = importlib.import_module(f"steps_py.kaldi.{module}").__name__
    mine = {name for name, spec in commands._registered.items() if spec.run.__module__ == home}
    # commands of feature types that Kaldi lacks are registered when they are called
    assert mine & set(COMMANDS) == {name for name, owner in COMMANDS.items() if owner == module}


@pytest.mark.parametrize("module", BUILT)
def test_help_needs_no_numpy(module):
    """Start-up time matters for commands that start thousands of times; --help measures it."""
    code = (
        f"import sys, steps_py.kaldi.{module} as m;"
        " print([n for n in ('numpy', 'scipy', 'torch', 'pandas') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_command_can_only_be_registered_where_it_belongs():
    with pytest.raises(TypeError, match="belongs to copy_commands"):
        commands.command("copy-feats", usage="", min_args=0, max_args=0)(lambda options: 0)


# exit codes and messages


def test_an_unknown_command_is_answered_with_the_nearest(capfd):
    assert main(["copy-fets", "a"]) == 255
    assert "Did you mean 'copy-feats'?" in capfd.readouterr().err


def test_the_wrong_number_of_arguments_prints_the_usage_and_ends_with_1(capfd):
    assert main(["copy-feats", "ark:x"]) == 1
    assert "Usage: copy-feats [options]" in capfd.readouterr().err
    assert main(["copy-feats", "ark:x", "ark:y", "--binary=false"]) == 1
    assert "options come before the arguments: --binary=false" in capfd.readouterr().err


def test_a_bad_option_prints_the_usage_and_ends_with_255(capfd):
    assert main(["copy-feats", "--no-such-option=1", "ark:x", "ark:y"]) == 255
    shown = capfd.readouterr().err
    assert "Usage: copy-feats [options]" in shown
    assert shown.splitlines()[-1].startswith("ERROR (copy-feats[sidewinder]:main()) Invalid option")


@pytest.mark.parametrize(
    "error, shown",
    [
        (AudioError("x.wav: not a wav file."), "x.wav: not a wav file."),
        (OSError(28, "No space left on device", "x.ark"), "x.ark: No space left on device."),
        (MemoryError(), "out of memory."),
    ],
)
def test_faults_of_the_data_and_the_machine_are_one_line_and_255(command, capfd, error, shown):
    def fail(options, *arguments):
        raise error

    command(fail)
    assert main(["copy-feats", "a"]) == 255
    assert f"ERROR (copy-feats[sidewinder]:main()) {shown}" in capfd.readouterr().err


def test_our_own_bugs_give_a_traceback(command):
    command(lambda options, *arguments: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        main(["copy-feats", "a"])


def test_an_interrupted_command_ends_with_130(command):
    def interrupted(options, *arguments):
        raise KeyboardInterrupt

    command(interrupted)
    assert main(["copy-feats", "a"]) == 130


def test_a_reader_that_leaves_ends_a_command_silently(tmp_path):
    (tmp_path / "x.txt").write_text("".join(f"utt{i} [ 1 2 3 ]\n" for i in range(20_000)))
    done = run(f"copy-vector ark:{tmp_path}/x.txt ark,t:- | head -1; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines() == ["utt0  [ 1 2 3 ]", "141"]
    assert done.stderr.splitlines() == [f"copy-vector ark:{tmp_path}/x.txt ark,t:-"]


def test_a_full_standard_output_is_one_line_and_255(tmp_path):
    (tmp_path / "x.txt").write_text("utt1 [ 1 2 3 ]\n")
    for script in ("copy-vector ark:x.txt ark:-", "feat-to-len ark:x.txt"):
        done = run(f"cd {tmp_path}; {script} > /dev/full; echo $?")
        assert done.stdout == "255\n"
        assert done.stderr.splitlines()[0] == script
        assert "standard" in done.stderr.splitlines()[1] and "No space" in done.stderr
        assert len(done.stderr.splitlines()) == 2


def test_closed_standard_streams_do_no_harm(tmp_path):
    (tmp_path / "x.txt").write_text("utt1 [ 1 2 3 ]\n")
    script = "feat-to-len ark:x.txt ark,t:o"
    for closed in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
        done = run(f"cd {tmp_path}; {script} {closed}; echo $?; cat o; rm o")
        assert done.stdout == "0\nutt1 1 \n"
        assert done.stderr in ("", f"{script}\n")
    done = run("copy-feats ark:- ark:- <&-; echo $?")
    assert done.stdout == "255\n" and "standard input" in done.stderr


# strictness


@pytest.mark.parametrize(
    "done, lost, dropped, lenient, strict",
    [(2, 0, 0, 0, 0), (2, 1, 0, 0, 1), (2, 0, 1, 0, 0), (0, 1, 0, 1, 1), (0, 0, 1, 1, 1)],
)
def test_a_lost_item_counts_only_in_strict_mode(done, lost, dropped, lenient, strict, capfd):
    for mode, code in ((False, lenient), (True, strict)):
        log.start("cmd", strict=mode)
        tally = Tally()
        for _ in range(done):
            tally.done()
        for number in range(lost):
            tally.lost(f"utt{number}", "no features")
        for number in range(dropped):
            tally.dropped(f"utt{number}", "no voiced frames")
        assert tally.exit_code() == code
    shown = capfd.readouterr().err
    assert ("WARNING (cmd[sidewinder]:main()) utt0: no features" in shown) == bool(lost)
    assert ("ERROR (cmd[sidewinder]:main()) lost 1 of" in shown) == bool(lost)


def test_strictness_comes_from_the_option_then_the_environment(monkeypatch):
    for variable, option, result in [
        ("1", None, True),
        ("true", None, True),
        ("0", None, False),
        ("", None, False),
        ("1", False, False),
        ("0", True, True),
    ]:
        monkeypatch.setenv("SIDEWINDER_STRICT", variable)
        log.start("cmd", strict=option)
        assert log.strict() is result
