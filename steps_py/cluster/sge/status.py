"""sge-status <id>: print running, success or failed for one job.

Sources in order of precedence:

1. the exit code that the job writes last;
2. SGE's list of jobs, one qstat for all of them: a listed job has not ended, unless it is in
   error. That a job is held or suspended is printed once;
3. a job that has been in neither for a while is lost: deleted, killed, or its host died. The
   accounting record gives the reason, if there is one.

If the scheduler does not answer, the job counts as running. The output is always one word and
the exit status 0: anything else would end the whole run.
"""

import re
import time
import traceback

from steps_py.cluster.job_logs import OUT_OF_MEMORY
from steps_py.cluster.sge import jobs
from steps_py.cluster.sge.jobs import STATE

# After a job is first missed: time for its exit record to appear on a network file system and,
# while there is no accounting record, for that to be written (SGE flushes it every 15 s).
GRACE_S = jobs.seconds("GRACE", 30)
ACCOUNTING_S = jobs.seconds("ACCOUNTING", 120)
UNKNOWN_S = jobs.seconds("UNKNOWN", 3600)  # above its run time

WHY_WAITING = {
    "h": "is held (qrls releases it)",
    "s": "is suspended",
    "S": "is suspended by its queue",
    "T": "is suspended by a threshold of its queue",
}


def status(job):
    done = jobs.last_act(job)
    if done:
        return ended(job, done)
    listed = jobs.list_jobs()
    if listed is None:
        return "running"
    state = listed.get(job)
    if state is None:
        return missing(job)
    missed_since(job, forget=True)
    if "E" in state:
        return in_error(job)
    for letter, why in WHY_WAITING.items():
        if letter in state:
            name = jobs.record_of(job).get("name", "")
            jobs.say_once(job, f"job {job}, {name}, {why}; the run waits for it")
    return "running"


def ended(job, done):
    """The status by the exit record of the job."""
    if done.code == 0:
        jobs.close(job)
        return "success"
    record = jobs.record_of(job)
    if not done.warned:
        reason = f"exit code {done.code} after {done.seconds} s"
        if done.code > 128:
            reason += f", its shell was killed by signal {done.code - 128}"
        if OUT_OF_MEMORY.search(tail(record.get("rule_log")) + tail(scheduler_log(job, record))):
            reason += f"; out of memory by its log, {record['mem_mb']} MB requested (mem_mb)"
    elif is_walltime(record, done.seconds):
        reason = walltime(record, done.seconds)
    else:
        reason = f"deleted after {done.seconds} s: qdel by the user or an administrator"
    return failed(job, reason)


def missing(job):
    """The status of a job that is not listed, after time for its exit and accounting records."""
    known = jobs.is_known(job)
    if known in (True, None):  # the list is older than the job, or SGE is silent
        return "running"
    missed_s = time.time() - missed_since(job)
    account = account_of(job)
    if known == jobs.REFUSED and not account:
        return unknown(job, missed_s)
    if missed_s < (GRACE_S if account else ACCOUNTING_S):
        return "running"
    done = jobs.last_act(job)
    if done:
        return ended(job, done)
    if account.get("failed") == "0" and account.get("exit_status") == "0":
        # It ended without an exit record, for example on a full disk: Snakemake checks its files.
        jobs.close(job)
        return "success"
    return failed(job, why_lost(jobs.record_of(job), account))


def unknown(job, missed_s: float):
    """The status of a job that SGE's answers do not mention: wait for its exit code, bounded."""
    jobs.say_once("refused", "qstat refuses to list jobs; their exit codes are used instead")
    if missed_s < jobs.record_of(job).get("runtime_min", 0) * 60 + UNKNOWN_S:
        return "running"
    jobs.ask("qdel", job)
    return failed(job, f"neither qstat nor qacct has listed it for {missed_s / 60:.0f} min")


def in_error(job):
    """Delete a job that SGE could not start and would keep in the queue (Eqw)."""
    answer = jobs.ask("qstat", "-j", job)
    reasons = re.findall(r"^error reason.*?: +(.*)$", answer.stdout if answer else "", re.M)
    if jobs.ask("qdel", job) is None:
        return "running"  # SGE does not answer; the next status request deletes it
    return failed(job, "SGE could not start it (Eqw): " + ("; ".join(reasons) or "no reason given"))


def why_lost(record, account):
    """The reason from qacct, whose `failed` is a number and words, and `exit_status` a number."""
    if not account:
        return "no exit code and no accounting record: its host was lost, or it was deleted"
    source = f"qacct: failed {account.get('failed')}, exit status {account.get('exit_status')}"
    ran_s = number(account.get("ru_wallclock"))
    if account.get("start_time", "-/-") == "-/-":
        return f"deleted before it ran ({source})"
    if is_walltime(record, ran_s):
        return f"{walltime(record, ran_s)} ({source})"
    if account.get("failed", "").startswith("37"):
        peak = account.get("maxvmem")
        return f"out of memory: {peak} used, {record.get('mem_mb')} MB requested ({source})"
    if account.get("exit_status", "").startswith(("137", "140")):
        return f"killed: qdel, kill -9 or out of memory ({source})"
    return source


def account_of(job):
    """The fields of the job's accounting record; {} while there is none."""
    answer = jobs.ask("qacct", "-j", job)
    if answer is None or answer.returncode:
        return {}
    return dict(re.findall(r"^(\w+) +(.*?) *$", answer.stdout, re.M))


def scheduler_log(job, record):
    return f"{record['log']}.{job}.log" if record else None


def tail(path, num_chars: int = 4000):
    try:
        with open(path, "rb") as log:
            log.seek(max(0, log.seek(0, 2) - num_chars))
            return log.read().decode(errors="replace")
    except (OSError, TypeError):
        return ""


def is_walltime(record, ran_s: float):
    return bool(record.get("runtime_min")) and ran_s >= record["runtime_min"] * 60


def walltime(record, ran_s: float) -> str:
    requested_s = record["runtime_min"] * 60
    return f"walltime: ended after {ran_s:.0f} s of {requested_s} s requested (runtime_min)"


def number(text: str):
    found = re.match(r"[\d.]+", text or "")
    return float(found[0]) if found else 0.0


def missed_since(job, forget=False):
    """Time at which the job was first missed; now if it had not been missed before."""
    mark = STATE / "said" / f"{job}.missed"
    if forget:
        mark.unlink(missing_ok=True)
    elif not mark.exists():
        mark.touch()
    return mark.stat().st_mtime if mark.exists() else time.time()


def failed(job, reason: str) -> str:
    name = jobs.record_of(job).get("name", "")
    jobs.close(job, reason)
    jobs.say(f"job {job}, {name}, failed: {reason}")
    return "failed"


def main(job):
    try:
        return status(job)
    except Exception:
        traceback.print_exc()
        return "running"
