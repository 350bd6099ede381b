"""The last words of a failed run name the rule, the reason and the log."""

from steps_py.failures import failure_lines, last_line

SAID = """\
Error in rule prepare_part:
    message: None
    jobid: 12
    log: {log} (check log file(s) for error details)
    shell:
        python -m steps_py.stages.prepare_part
        (command exited with non-zero exit code)
Logfile {log}:
"""


def test_the_reason_is_the_last_line_of_the_jobs_log(tmp_path):
    log = tmp_path / "part.log"
    log.write_text("read 3 of 4\nprepare_part: x.wav is empty. Fetch it again.\n\n")
    said = SAID.format(log=log)
    assert failure_lines(said + said) == [
        f"prepare_part: x.wav is empty. Fetch it again. (log: {log})"
    ]


def test_a_job_without_a_log_is_named_all_the_same(tmp_path):
    said = SAID.format(log=tmp_path / "gone.log")
    assert failure_lines(said) == ["prepare_part failed and left no log"]
    assert last_line(tmp_path / "gone.log") is None


def test_a_run_without_failures_has_no_lines():
    assert failure_lines("Finished jobid: 3 (Rule: make_feats)\n") == []
