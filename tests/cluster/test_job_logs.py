"""Why a job failed, from its log and its exit status."""

import pytest

from steps_py.cluster.job_logs import causes

KALDI = """\
compute-mfcc-feats --config=conf/mfcc.conf scp:a ark:-
ERROR (compute-mfcc-feats[5.5]:Read():wave.cc:1) mel filters: the cutoffs must rise
[ Stack-Trace: ]
kaldi::KaldiErrorMessage
copy-feats ark:- ark:x
ERROR (copy-feats[5.5]:Open():io.cc:2) empty input
LOG (copy-feats[5.5]:main():copy-feats.cc:3) Copied 0 feature matrices.
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "x.py", line 1, in <module>
numpy._core._exceptions._ArrayMemoryError: Unable to allocate 3.1 GiB for an array
"""


def test_the_first_error_of_a_pipe_is_the_cause():
    assert causes(KALDI) == [
        "ERROR (compute-mfcc-feats[5.5]:Read():wave.cc:1) mel filters: the cutoffs must rise"
    ]


def test_all_lines_of_a_stage_s_message_count_and_what_follows_does_not():
    log = "read 3\nprepare_part: a is empty.\nprepare_part: b is at 8000 Hz.\nsox WARN rate\n"
    assert causes(log) == ["prepare_part: a is empty.", "prepare_part: b is at 8000 Hz."]


@pytest.mark.parametrize(
    "line",
    [
        "/bin/sh: 1: sph2pipe: not found",
        "/usr/bin/bash: line 1: sph2pipe: command not found",
        "bash: sph2pipe: command not found",
        "env: 'sph2pipe': No such file or directory",
    ],
)
def test_a_missing_program_is_named(line):
    log = f"{line}\nERROR (wav-copy[5.5]:main()) empty file\n"
    assert causes(log)[0].startswith("the program sph2pipe was not found")
    assert causes(log)[1].startswith("ERROR (wav-copy")


def test_a_killed_job_is_called_that_by_its_status_or_by_its_shell():
    by_status = causes("train: epoch 2 of 3\n", status=137)
    by_shell = causes("/usr/bin/bash: line 1: 16126 Killed        python x | cat\n", status=None)
    assert by_status == by_shell
    assert by_status[0].startswith("killed by signal 9 (SIGKILL): usually")
    assert "the host ran out of memory" in causes("", status=137, memory_kills=1)[0]
    assert causes("", status=139)[0].startswith("killed by signal 11 (SIGSEGV)")


def test_the_message_of_a_training_stopped_with_a_checkpoint_is_the_cause():
    said = "train: stopped by SIGTERM after step 9 of 18; the same command resumes there"
    assert causes(f"epoch 5/20:  0%\r    {said}\n", status=143) == [said]


def test_want_of_memory_is_called_that():
    said = causes(TRACEBACK, status=1)
    assert said[0].startswith("out of memory: numpy")
    assert "fewer jobs" in said[0]


def test_a_full_disk_is_found_among_other_lines():
    log = "cut: write error: No space left on device\nsome more\n"
    assert causes(log, status=1) == ["cut: write error: No space left on device"]


def test_an_unknown_cause_is_left_to_the_last_line():
    assert causes("nothing to see\n", status=1) == []
