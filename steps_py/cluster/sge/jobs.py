"""What submit, status and cancel share: the records of jobs, and how SGE is asked.

Standard library only, and quick to import: Snakemake starts these scripts once per job and
look. They run in the recipe's folder and keep everything in .snakemake/sge:

    pending/<token>.json  a submission that SGE may or may not have taken yet
    active/<id>.json      a job that SGE took and whose end Snakemake has not been told
    exit/<id>             exit code and seconds, written by the job itself as its last act
    ended/<id>.json       a job that failed, with the reason; read by the last words of the run
    scripts/<token>.*     the job's script and environment
    said/<id>             what was told about a job, so that it is told once
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


def seconds(name, default):
    """A waiting time; the environment may say another, which is how tests are quick."""
    return float(os.environ.get(f"SIDEWINDER_SGE_{name}_S", default))


# One qstat serves all jobs for so long; at most so long does one question take.
QSTAT_AGE_S = seconds("QSTAT_AGE", 5)
ANSWER_S = seconds("ANSWER", 60)
RETRY_S = seconds("RETRY", 15)
REFUSED = "refused"

# Words by which SGE's commands say that the qmaster did not answer: no statement about a job.
SILENT = re.compile(
    r"unable to (contact|send message to|connect to) qmaster|can'?t (connect|resolve|send)"
    r"|got (no |timeout|send|read|select)|commlib error|communication error|failed receiving"
    r"|timeout|connection refused|qmaster .*not running|error: unable to",
    re.I,
)


def ask(*command):
    """Run an SGE command. None where SGE gave no answer, which says nothing about any job."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode and SILENT.search(done.stdout + done.stderr):
        return None
    return done


def list_jobs():
    """{id: state} of all of this user's jobs, asked at most every QSTAT_AGE_S; None if silent.

    A silence is remembered as long as an answer: many looks at a qmaster that is down
    would else wait for it one after the other.
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
        jobs = {}  # it answers: where it lists nothing, each job is asked for by its id
        if done.returncode == 0 and "</job_info>" in done.stdout:
            pairs = re.findall(
                r"<JB_job_number>(\d+)</JB_job_number>.*?<state>(\w+)</state>", done.stdout, re.S
            )
            jobs = dict(pairs)
            break
    write(cache, json.dumps(jobs))
    return jobs


def user_name():
    """This user's name; ``*``, all users, where the host knows no name for the number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "*"


def is_known(job):
    """Whether SGE still has the job, asked for this one alone.

    None if it does not answer; REFUSED, which is true, if its answer says nothing of the job.
    """
    done = ask("qstat", "-j", job)
    if done is None:
        return None
    if done.returncode == 0:
        return True
    return False if "do not exist" in done.stdout + done.stderr else REFUSED


def last_act(job):
    """What the job wrote as its last act: code, seconds, warned (of its end, by SGE). Or None.

    The folder is listed first: on NFS this drops the memory of a file's absence.
    """
    folder = STATE / "exit"
    try:
        words = (folder / job).read_text().split() if job in os.listdir(folder) else []
        return LastAct(int(words[0]), int(words[1]), "warned" in words)
    except (OSError, ValueError, IndexError):
        return None


def record_of(job, folder="active"):
    """The record of a job, or {}."""
    try:
        return json.loads((STATE / folder / f"{job}.json").read_text())
    except (OSError, ValueError):
        return {}


def close(job, reason=None):
    """The job is over and Snakemake is told: forget it, or keep why it failed.

    Of several attempts at the same work only the last has something to say.
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


def write(path, text):
    """The whole file or none; a full disk must not stop the run by a record."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text)
        part.replace(path)
    except OSError as error:
        say(f"{path} cannot be written: {error.strerror}")


def say(message):
    print(f"sge: {message}", file=sys.stderr, flush=True)


def say_once(about, message):
    told = STATE / "said" / about
    if not told.exists() or told.read_text() != message:
        write(told, message)
        say(message)


def say_waiting():
    """SGE is silent: wait, say so once in five minutes, and stop when the controller is gone."""
    told = STATE / "said" / "silent"
    if not told.exists() or time.time() - told.stat().st_mtime > 300:
        write(told, "")
        say("SGE does not answer; jobs wait until it does")
    time.sleep(RETRY_S)
    if os.getppid() == 1:
        sys.exit("sge: the controller is gone")
