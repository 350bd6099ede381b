"""Shared by submit, status and cancel: the records of jobs, and calls of SGE's commands.

Standard library only, and quick to import: Snakemake starts these scripts once per job and
status request. They run in the recipe's folder and keep everything in .snakemake/sge:

    pending/<token>.json  a submission that SGE may or may not have accepted yet
    active/<id>.json      a job that SGE accepted and whose end was not yet reported to Snakemake
    exit/<id>             exit code and seconds, which the job itself writes last
    ended/<id>.json       a job that failed, with the reason; for the report at the end of the run
    scripts/<token>.*     the job's script and environment
    said/<id>             the last message about a job, so that it is printed once
    qstat                 the last list of this user's jobs
    complexes, limits     the site's complexes; what its hosts and queues have
"""

import collections
import json
import os
import pwd
import re
import subprocess
import sys
import time
from pathlib import Path

STATE = Path(".snakemake/sge")
FOLDERS = ("pending", "active", "exit", "ended", "scripts", "said")


LastAct = collections.namedtuple("LastAct", "code seconds warned")


def seconds(name: str, default) -> float:
    """A waiting time; tests set shorter ones in the environment."""
    return float(os.environ.get(f"SIDEWINDER_SGE_{name}_S", default))


# How long the output of a qstat is used for all jobs; timeout of a command; pause before a retry.
QSTAT_AGE_S = seconds("QSTAT_AGE", 5)
ANSWER_S = seconds("ANSWER", 60)
RETRY_S = seconds("RETRY", 15)
REFUSED = "refused"

# Messages of SGE's commands when the qmaster did not answer, which tells nothing about a job.
SILENT = re.compile(
    r"unable to (contact|send message to|connect to) qmaster|can'?t (connect|resolve|send)"
    r"|got (no |timeout|send|read|select)|commlib error|communication error|failed receiving"
    r"|timeout|connection refused|qmaster .*not running|error: unable to",
    re.I,
)


def ask(*command):
    """Run an SGE command; None if SGE did not answer, so that nothing is known about any job."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode and SILENT.search(done.stdout + done.stderr):
        return None
    return done


def list_jobs():
    """{id: state} of all of this user's jobs, updated at most every QSTAT_AGE_S; None if silent.

    That there was no answer is cached too: otherwise many status requests would wait for a
    qmaster that is down, one after the other.
    """
    cache = STATE / "qstat"
    try:
        if time.time() - cache.stat().st_mtime < QSTAT_AGE_S:
            return json.loads(cache.read_text())
    except (OSError, ValueError):
        pass
    jobs = None
    for whose in dict.fromkeys([user_name(), "*"]):
        done = ask("qstat", "-xml", "-u", whose)
        if done is None:
            break
        jobs = {}  # it answers: jobs that are not listed are requested by their ids
        if done.returncode == 0 and "</job_info>" in done.stdout:
            pairs = re.findall(
                r"<JB_job_number>(\d+)</JB_job_number>.*?<state>(\w+)</state>", done.stdout, re.S
            )
            jobs = dict(pairs)
            break
    write(cache, json.dumps(jobs))
    return jobs


def user_name():
    """This user's name; ``*``, all users, if the host has no name for the user id."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "*"


def is_known(job):
    """Whether SGE still has the job, by a request for this job alone.

    None if it does not answer; REFUSED, which is true, if its answer does not mention the job.
    """
    done = ask("qstat", "-j", job)
    if done is None:
        return None
    if done.returncode == 0:
        return True
    return False if "do not exist" in done.stdout + done.stderr else REFUSED


def last_act(job):
    """The exit record of a job: code, seconds, whether SGE sent a warning signal; or None.

    The folder is listed first: on NFS this invalidates the cached absence of a file.
    """
    folder = STATE / "exit"
    try:
        words = (folder / job).read_text().split() if job in os.listdir(folder) else []
        return LastAct(int(words[0]), int(words[1]), "warned" in words)
    except (OSError, ValueError, IndexError):
        return None


def record_of(job, folder: str | os.PathLike = "active"):
    """The record of a job, or {}."""
    try:
        return json.loads((STATE / folder / f"{job}.json").read_text())
    except (OSError, ValueError):
        return {}


def close(job, reason: str | None = None) -> None:
    """Remove the records of a job that ended, and keep the `reason` of a failure.

    The reason of an earlier attempt at the same work is removed.
    """
    record = record_of(job)
    for path in (STATE / "ended").glob("*.json"):
        if record and record_of(path.stem, "ended").get("targets") == record["targets"]:
            path.unlink(missing_ok=True)
    if reason is not None:
        write(STATE / "ended" / f"{job}.json", json.dumps({**record, "id": job, "reason": reason}))
    for path in (STATE / "scripts").glob(f"{record['token']}.*" if record else ""):
        path.unlink(missing_ok=True)
    for folder, name in (("active", f"{job}.json"), ("exit", job), ("said", job)):
        (STATE / folder / name).unlink(missing_ok=True)


def write(path: str | os.PathLike, text: str) -> None:
    """Write a file atomically; a full disk is reported but does not stop the run."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text)
        part.replace(path)
    except OSError as error:
        say(f"{path} cannot be written: {error.strerror}")


def say(message: str) -> None:
    print(f"sge: {message}", file=sys.stderr, flush=True)


def say_once(about, message: str) -> None:
    printed = STATE / "said" / about
    if not printed.exists() or printed.read_text() != message:
        write(printed, message)
        say(message)


def say_waiting() -> None:
    """Wait before a retry, print so every five minutes, and exit when the controller is gone."""
    printed = STATE / "said" / "silent"
    if not printed.exists() or time.time() - printed.stat().st_mtime > 300:
        write(printed, "")
        say("SGE does not answer; jobs wait until it does")
    time.sleep(RETRY_S)
    if os.getppid() == 1:
        sys.exit("sge: the controller is gone")
