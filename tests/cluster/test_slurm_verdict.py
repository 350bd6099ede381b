"""The verdict on a Slurm job: no finished job is lost, no failed job is done."""

import pytest

from steps_py.cluster.slurm.client import FINAL, Job
from steps_py.cluster.slurm.pending import cure
from steps_py.cluster.slurm.verdict import GRACE_SEC, Verdict, explain, judge


def listed(state, reason=""):
    return Job("7", state, reason)


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED"])
def test_a_job_that_slurmctld_lists_as_live_is_running_by_any_other_source(state):
    for exit_code in (None, 0, 1):
        assert judge(listed(state), exit_code, "FAILED", missing_sec=0).state is None


@pytest.mark.parametrize("state", sorted(FINAL - {"COMPLETED"}))
def test_every_bad_end_is_a_failure_unless_the_script_itself_came_to_its_end(state):
    assert judge(listed(state), None, None, missing_sec=0).state == state
    assert judge(listed(state), 1, "COMPLETED", missing_sec=0).state == state
    assert judge(listed(state), 0, None, missing_sec=0).done  # slurmctld was down when it ended


def test_a_job_that_slurmctld_has_forgotten_is_judged_by_its_exit_code():
    assert judge(None, 0, None, missing_sec=0).done
    assert judge(None, 137, "COMPLETED", missing_sec=0).state == "FAILED"


def test_then_by_the_accounting_which_may_lag():
    assert judge(None, None, "COMPLETED", missing_sec=0).done
    assert judge(None, None, "OUT_OF_MEMORY", missing_sec=0).state == "OUT_OF_MEMORY"
    assert judge(None, None, "RUNNING", missing_sec=GRACE_SEC - 1).state is None


def test_a_job_is_lost_only_without_information_for_the_grace_time():
    assert judge(None, None, None, missing_sec=GRACE_SEC - 1).state is None
    lost = judge(None, None, None, missing_sec=GRACE_SEC)
    assert lost.state == "LOST"
    assert explain("7", lost, {}, {}).startswith("Slurm job 7 is lost: squeue has not listed it")


@pytest.mark.parametrize(
    "state, log, words",
    [
        ("OUT_OF_MEMORY", "", "out of memory (it requested 2000 MB; mem_mb in cluster.yaml)"),
        (
            "FAILED",
            "slurmstepd: error: StepId=7.0 exceeded memory limit (5 > 4), being killed",
            "out of memory (it requested 2000 MB; mem_mb in cluster.yaml)",
        ),
        ("FAILED", "error: Detected 1 oom_kill event in StepId=7.0", "out of memory"),
        ("TIMEOUT", "", "over its run time (it requested 60 min; runtime_min in cluster.yaml)"),
        ("NODE_FAIL", "", "its node failed, on n3"),
        ("CANCELLED", "", "cancelled by a person or by Slurm, on n3"),
        ("FAILED", "", "its command failed, exit code 1, on n3"),
    ],
)
def test_the_reason_names_the_request_and_the_key_to_change(state, log, words):
    facts = {"ExitCode": "1:0", "NodeList": "n3"}
    said = explain("7", Verdict(state), facts, {"mem_mb": 2000, "runtime": 60}, log)
    assert said.startswith(f"Slurm job 7 ended as {state}: ")
    assert words in said


def test_a_job_stopped_by_its_signal_is_reported_so():
    facts = {"ExitCode": "1:0", "RunTime": "00:58:20", "TimeLimit": "01:00:00"}
    said = explain("7", Verdict("FAILED"), facts, {"slurm_extra": "--signal=TERM@60"})
    assert "stopped by the signal that slurm.signal requests" in said
    facts["RunTime"] = "00:30:00"
    said = explain("7", Verdict("FAILED"), facts, {"slurm_extra": "--signal=TERM@60"})
    assert "stopped by the signal" not in said


@pytest.mark.parametrize(
    "reason, words",
    [
        ("JobHeldUser", "`scontrol release 7`"),
        ("PartitionTimeLimit", "max_runtime_min"),
        ("ReqNodeNotAvail, UnavailableNodes:n[1-4]", "down, drained or reserved"),
        ("launch failed requeued held", "`scontrol release 7`"),
        ("Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved", "down or drained"),
    ],
)
def test_waiting_that_may_never_end_comes_with_a_cure(reason, words):
    assert words in cure(listed("PENDING", reason))


@pytest.mark.parametrize("reason", ["Priority", "Resources", "None", "BeginTime", "Dependency"])
def test_waiting_for_one_s_turn_is_not_worth_a_word(reason):
    assert cure(listed("PENDING", reason)) is None
    assert cure(listed("RUNNING", "JobHeldUser")) is None
