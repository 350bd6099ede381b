"""The last words of a failed run name the rule, the reason and the log."""

import json

from steps_py.cluster.failures import failure_lines
from steps_py.cluster.job_logs import last_lines

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
    assert last_lines("") == []


def test_a_run_without_failures_has_no_lines():
    assert failure_lines("Finished jobid: 3 (Rule: make_feats)\n") == []


STARTED = """\
[Fri Nov 20 17:12:52 2026]
rule make_feats:
    output: exp/feats.2-of-3.ark
    log: {log}
    jobid: 7
    wildcards: clean=train, scatteritem=2-of-3
Submitted job 7 with external jobid '41'.
"""
FAILED = """\
[Fri Nov 20 17:13:52 2026]
Error in rule make_feats:
    message: For further error details see the cluster/cloud log and the log files.
    jobid: 7
    log: {log} (check log file(s) for error details)
    shell:
        compute-mfcc-feats
        (command exited with non-zero exit code)
    external_jobid: {job}
"""
RESTARTED = "Trying to restart job 7.\n"


def test_a_failed_job_of_a_cluster_is_reported_with_wildcards_log_and_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "part.log"
    log.write_text("one\ntwo\nthree\nread no more\n")
    ended = tmp_path / ".snakemake/sge/ended/42.json"
    ended.parent.mkdir(parents=True)
    record = {"id": "42", "log": "logs/sge/part", "reason": "walltime: ended after 61 s"}
    ended.write_text(json.dumps(record))
    said = STARTED + FAILED.format(log=log, job=41) + RESTARTED + FAILED.format(log=log, job=42)
    assert failure_lines(said.replace("{log}", str(log))) == [
        f"make_feats (clean=train, scatteritem=2-of-3): read no more (log: {log})",
        "    | two",
        "    | three",
        "    job 42: walltime: ended after 61 s (scheduler's log: logs/sge/part.42.log)",
    ]


def test_a_failure_before_a_successful_retry_is_not_reported(tmp_path):
    said = STARTED + FAILED + RESTARTED
    assert failure_lines(said.format(log=tmp_path / "part.log", job=41)) == []


def test_a_message_of_the_executor_about_a_job_is_reported(tmp_path):
    said = (STARTED + FAILED).format(log=tmp_path / "part.log", job=41)
    said = said.replace("For further error details see the cluster/cloud", "node n7 was lost,")
    assert failure_lines(said)[-1].startswith("    job 41: node n7 was lost,")


def test_of_a_failed_group_the_rule_that_failed_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "plda.log"
    log.write_text("estimate_plda: 3 speakers are too few\n")
    ended = tmp_path / ".snakemake/sge/ended/9.json"
    ended.parent.mkdir(parents=True)
    ended.write_text(json.dumps({"id": "9", "log": "backend", "reason": "exit code 1 after 8 s"}))
    (tmp_path / "backend.9.log").write_text(
        f"Error in rule estimate_plda:\n    message: None\n    jobid: 0\n    log: {log} (check x)\n"
    )
    said = "Submitted group job 1-2-3 with external jobid '9'.\n"
    assert failure_lines(said) == [
        f"estimate_plda: 3 speakers are too few (log: {log})",
        "    job 9: exit code 1 after 8 s (scheduler's log: backend.9.log)",
    ]


def test_of_a_group_in_slurm_the_rule_that_failed_is_read_from_the_job_s_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plda.log").write_text("estimate_plda: one speaker\n")
    (tmp_path / "12.log").write_text(
        "Error in rule estimate_plda:\n    jobid: 4\n    log: plda.log (check log file(s))\n"
        "[Fri Nov 20 17:12:13 2026]\nError in group backend:\n"
    )
    said = "Group backend (9-a) failed: Slurm job 12 ended as FAILED (Slurm's log: 12.log)\n"
    assert failure_lines(said) == [
        "estimate_plda: one speaker (log: plda.log)",
        "    Slurm job 12 ended as FAILED (Slurm's log: 12.log)",
    ]
    assert failure_lines(said + "Trying to restart job 9-a.\n") == []
