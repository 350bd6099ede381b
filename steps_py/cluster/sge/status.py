"""sge-status <id>: print running, success or failed for one job.

What is believed, in this order:

1. the exit code that the job wrote as its last act;
2. SGE's list of jobs, one qstat for all of them: a job that is there is not over, unless it
   is in error. It is told once when one is held or suspended;
3. a job that has been in neither for a while is lost: deleted, killed, or its host died.
   The accounting record, where it has come, says how.

A scheduler that does not answer says nothing about a job: the job is running.
Always one word and exit code 0: anything else would end the whole run.
"""

import re
import time
import traceback

from steps_py.cluster.job_logs import OUT_OF_MEMORY
from steps_py.cluster.sge import jobs
from steps_py.cluster.sge.jobs import STATE

# From when a job is missed: time for its last act to show on a network file system, and, as
# long as there is no accounting record, for that to be written (15 s where SGE flushes it).
GRACE_S = jobs.seconds("GRACE", 30)
ACCOUNTING_S = jobs.seconds("ACCOUNTING", 120)
UNKNOWN_S = jobs.seconds("UNKNOWN", 3600)  # above its run time

WHY_WAITING = {
    "h": "is held (qrls lets it go)",
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
    """By the job's own word."""
    if done.code == 0:
        jobs.close(job)
        return "success"
    record = jobs.record_of(job)
    if not done.warned:
        reason = f"exit code {done.code} after {done.seconds} s"
        if done.code > 128:
            reason += f", its shell was killed by signal {done.code - 128}"
        if OUT_OF_MEMORY.search(tail(record.get("rule_log")) + tail(scheduler_log(job, record))):
            reason += f"; out of memory by its log, with {record['mem_mb']} MB asked (mem_mb)"
    elif is_walltime(record, done.seconds):
        reason = walltime(record, done.seconds)
    else:
        reason = f"deleted after {done.seconds} s: qdel by the user or an administrator"
    return failed(job, reason)


def missing(job):
    """Not in the list. Ask for this one job, and give its last act and its account time to come."""
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
        # It ran to its end and could not write so, on a full disk say: Snakemake sees to the files.
        jobs.close(job)
        return "success"
    return failed(job, why_lost(jobs.record_of(job), account))


def unknown(job, missed_s):
    """SGE answers but says nothing of the job: its exit code is waited for, but not for ever."""
    jobs.say_once("refused", "qstat refuses to list jobs; their ends are taken from exit codes")
    if missed_s < jobs.record_of(job).get("runtime_min", 0) * 60 + UNKNOWN_S:
        return "running"
    jobs.ask("qdel", job)
    return failed(job, f"qstat and qacct have said nothing of it for {missed_s / 60:.0f} min")


def in_error(job):
    """SGE could not start it and would keep it for ever (Eqw)."""
    told = jobs.ask("qstat", "-j", job)
    reasons = re.findall(r"^error reason.*?: +(.*)$", told.stdout if told else "", re.M)
    if jobs.ask("qdel", job) is None:
        return "running"  # SGE fell silent; the next look deletes it
    return failed(job, "SGE could not start it (Eqw): " + ("; ".join(reasons) or "no reason given"))


def why_lost(record, account):
    """The reason from qacct, whose `failed` is a number and words, and `exit_status` a number."""
    if not account:
        return (
            "gone without an exit code and without an account: its host was lost, or it was deleted"
        )
    said = f"qacct: failed {account.get('failed')}, exit status {account.get('exit_status')}"
    ran_s = number(account.get("ru_wallclock"))
    if account.get("start_time", "-/-") == "-/-":
        return f"deleted before it ran ({said})"
    if is_walltime(record, ran_s):
        return f"{walltime(record, ran_s)} ({said})"
    if account.get("failed", "").startswith("37"):
        peak = account.get("maxvmem")
        return f"out of memory: {peak} used, {record.get('mem_mb')} MB asked ({said})"
    if account.get("exit_status", "").startswith(("137", "140")):
        return f"killed: qdel, kill -9 or the system out of memory ({said})"
    return said


def account_of(job):
    """The fields of the job's accounting record; {} while there is none."""
    told = jobs.ask("qacct", "-j", job)
    if told is None or told.returncode:
        return {}
    return dict(re.findall(r"^(\w+) +(.*?) *$", told.stdout, re.M))


def scheduler_log(job, record):
    return f"{record['log']}.{job}.log" if record else None


def tail(path, num_chars=4000):
    try:
        with open(path, "rb") as log:
            log.seek(max(0, log.seek(0, 2) - num_chars))
            return log.read().decode(errors="replace")
    except (OSError, TypeError):
        return ""


def is_walltime(record, ran_s):
    return bool(record.get("runtime_min")) and ran_s >= record["runtime_min"] * 60


def walltime(record, ran_s):
    return (
        f"walltime: ended after {ran_s:.0f} s of {record['runtime_min'] * 60} s asked (runtime_min)"
    )


def number(text):
    found = re.match(r"[\d.]+", text or "")
    return float(found[0]) if found else 0.0


def missed_since(job, forget=False):
    """When the job was first missed; now, if it is the first time."""
    mark = STATE / "said" / f"{job}.missed"
    if forget:
        mark.unlink(missing_ok=True)
    elif not mark.exists():
        mark.touch()
    return mark.stat().st_mtime if mark.exists() else time.time()


def failed(job, reason):
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
