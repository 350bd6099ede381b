"""Whether a Slurm job is running, done or failed, and why.

Sources in order of precedence: slurmctld, if it lists the job in a state that is not final;
exit code 0 in the file that the job's script writes last; the final state of slurmctld; another
exit code in that file; the accounting, if the site has one.
slurmctld purges a job MinJobAge seconds after its end and reports a timeout for a job that ended
while it was down, and accounting lags. So a job is lost only if all three have had no
information for `GRACE_SEC`.
"""

import dataclasses
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steps_py.cluster.slurm.client import Job

GRACE_SEC = 90  # above the minute for which NFS may hide a new file

WORDS = {
    "OUT_OF_MEMORY": "out of memory (it requested {mem_mb} MB; mem_mb in cluster.yaml)",
    "TIMEOUT": "over its run time (it requested {runtime} min; runtime_min in cluster.yaml)",
    "DEADLINE": "over its deadline",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not boot",
    "CANCELLED": "cancelled by a person or by Slurm",
    "PREEMPTED": "preempted by another job",
    "REVOKED": "taken over by another cluster",
    "FAILED": "its command failed",
}

# If Slurm kills a step, the job's script fails and its state is FAILED: the log has the reason.
LOG_STATES = {
    re.compile(r"exceeded (?:job |step )?memory limit|oom[-_ ]kill|out of memory", re.I): (
        "OUT_OF_MEMORY"
    ),
    re.compile(r"DUE TO TIME LIMIT"): "TIMEOUT",
    re.compile(r"DUE TO NODE FAILURE"): "NODE_FAIL",
    re.compile(r"DUE TO PREEMPTION"): "PREEMPTED",
}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """`state`: None while the job may still run; else one of Slurm's final states, or LOST."""

    state: str | None
    source: str = ""

    @property
    def done(self) -> bool:
        return self.state == "COMPLETED"


RUNNING = Verdict(None)


def judge(
    listed: "Job | None", exit_code: int | None, accounted: str | None, missing_sec: float
) -> Verdict:
    """The verdict on one job.

    listed       the job as squeue lists it, or None
    exit_code    what its script wrote when it ended, or None
    accounted    its state in the accounting, or None
    missing_sec  for how long squeue has not listed it

    >>> judge(None, 0, "RUNNING", missing_sec=1)    # the accounting lags
    Verdict(state='COMPLETED', source='exit record')
    """
    if listed is not None and listed.live:
        return RUNNING
    if exit_code == 0:
        return Verdict("COMPLETED", "exit record")
    if listed is not None:
        return Verdict(listed.state, "squeue")
    if exit_code is not None:
        return Verdict("FAILED", "exit record")
    if accounted in WORDS or accounted == "COMPLETED":
        return Verdict(accounted, "sacct")
    if missing_sec < GRACE_SEC:
        return RUNNING
    return Verdict("LOST", "no source")


def explain(
    job_id: str, verdict: Verdict, facts: dict[str, str], asked: dict[str, Any], log: str = ""
) -> str:
    """One line about a failed job.

    facts    `scontrol show job` as a dict, possibly empty
    asked    the job's resources
    log      the output of Slurm and of the job's script
    >>> explain("7", Verdict("FAILED"), {"ExitCode": "0:9", "NodeList": "n1"}, {})
    'Slurm job 7 ended as FAILED: its command failed, killed by signal 9, on n1'
    """
    if verdict.state == "LOST":
        return (
            f"Slurm job {job_id} is lost: squeue has not listed it for {GRACE_SEC} s, it wrote"
            " no exit code, and it is not in the accounting"
        )
    known = {key: asked.get(key, "?") for key in ("mem_mb", "runtime")}
    found = [state for pattern, state in LOG_STATES.items() if pattern.search(log)]
    reason = found[0] if found and verdict.state == "FAILED" else verdict.state
    words = [WORDS.get(reason, "").format(**known)]
    code, _, number = facts.get("ExitCode", "").partition(":")
    if reason == "FAILED" and number not in ("", "0"):
        words.append(f"killed by signal {number}")
    elif reason == "FAILED" and code not in ("", "0"):
        words.append(f"exit code {code}")
    if reason == "FAILED" and stopped_early(facts, asked.get("slurm_extra")):
        words.append("stopped by the signal that slurm.signal requests before its time limit")
    if facts.get("NodeList", "(null)") != "(null)":
        words.append(f"on {facts['NodeList']}")
    return f"Slurm job {job_id} ended as {verdict.state}: " + ", ".join(w for w in words if w)


def stopped_early(facts: dict[str, str], slurm_extra: str | None) -> bool:
    """Whether it ended about when `--signal=TERM@<seconds>` is sent, up to a minute early.

    >>> stopped_early({"RunTime": "1-23:58:10", "TimeLimit": "2-00:00:00"}, "--signal=TERM@120")
    True
    """
    lead = re.search(r"--signal=\S*@(\d+)", slurm_extra or "")
    try:
        left_sec = seconds(facts["TimeLimit"]) - seconds(facts["RunTime"])
    except (KeyError, ValueError):
        return False
    return lead is not None and left_sec <= int(lead[1]) + 60


def seconds(slurm_time: str) -> int:
    """Seconds of Slurm's [days-]hours:minutes:seconds.

    >>> seconds("1-00:01:05")
    86465
    """
    days, _, clock = slurm_time.rpartition("-")
    hours, minutes, rest = clock.split(":")
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + int(rest)
