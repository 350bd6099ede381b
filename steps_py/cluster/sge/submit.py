"""sge-submit <jobscript>: submit one job of Snakemake to SGE and print its id.

Two guarantees. A job is submitted once, even if SGE does not answer or the controller dies: the
record of a submission is on disk before qsub runs, and a job starts its work only when the
record has its id. No two jobs write the same files at once: a job of an earlier run that does is
taken over, or deleted before the new one is submitted.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from steps_py.cluster.refusals import remedy
from steps_py.cluster.sge import jobs
from steps_py.cluster.sge.jobs import STATE, say, say_once, say_waiting
from steps_py.cluster.sge.limits import excess
from steps_py.cluster.sge.options import options
from steps_py.cluster.sge.wrapper import exports, job_text


def main(jobscript) -> None:
    for folder in jobs.FOLDERS:
        (STATE / folder).mkdir(parents=True, exist_ok=True)
    work = read_jobscript(jobscript)
    taken = settle_rivals(work)
    print(taken or submit(work))


def read_jobscript(path: str | os.PathLike):
    """The job as a dict: its properties, and the target jobs and input files of the command."""
    text = Path(path).read_text()
    properties = json.loads(re.search(r"^# properties = (.*)$", text, re.M)[1])
    command = shlex.split(text.split("\n", 2)[2])
    inputs = words_after(command, "--wait-for-files")
    for listed in words_after(command, "--wait-for-files-file"):
        inputs += Path(listed).read_text().splitlines()
    group = properties["type"] == "group"
    rule = properties["groupid"] if group else properties["rule"]
    wildcards = "" if group else ".".join(properties["wildcards"].values())
    logs = properties.get("log") or []
    asked = properties["resources"]
    return {
        "rule": rule,
        "name": safe(f"{rule}.{wildcards}" if wildcards else rule),
        # each job of a group by its rule and wildcards: no two jobs may run the same at once
        "targets": sorted(words_after(command, "--target-jobs")),
        "inputs": sorted(p for p in inputs if not Path(p).name.startswith("tmp.")),
        "params": properties.get("params"),
        "log": scheduler_log(rule, logs[0] if logs else None),
        "rule_log": logs[0] if logs else None,
        "threads": int(properties["threads"]),
        "mem_mb": int(asked.get("mem_mb") or 0),
        "runtime_min": int(asked.get("runtime") or 0),
        "gpu": int(asked.get("gpu") or 0),
        "attempt": int((words_after(command, "--attempt") or [1])[0]),
        "sge": {key[4:]: value for key, value in asked.items() if key.startswith("sge_")},
        "group": group,
        "text": text,
    }


def words_after(command: list[str], option: str) -> list[str]:
    """The arguments that follow `option`, up to the next option."""
    if option not in command:
        return []
    words = command[command.index(option) + 1 :]
    ends = (i for i, word in enumerate(words) if word.startswith("--") or word == "&&")
    return words[: next(ends, len(words))]


def safe(name: str):
    """`name` as a valid job name of SGE: no separators, a letter first."""
    name = re.sub(r"[^A-Za-z0-9_.+-]", "_", name)[:120]
    return name if name[0].isalpha() else f"j{name}"


def scheduler_log(rule: str, log) -> str:
    """logs/a/b.log is the log of the rule, logs/sge/a/b.<id>.log that of the scheduler's job."""
    if not log:
        return f"logs/sge/{rule}"
    path = Path(log).with_suffix("")
    return str(Path("logs/sge", *path.parts[path.parts[0] == "logs" :]))


def settle_rivals(work):
    """The id of a job that does this work already; others that write its files are deleted."""
    for record in STATE.glob("pending/*.json"):
        wait_for_submission(record, work)
    for path in STATE.glob("active/*.json"):
        record, job = jobs.record_of(path.stem), path.stem
        if not set(record.get("targets", [])) & set(work["targets"]):
            continue
        done = jobs.last_act(job)
        if is_same(record, work) and (done.code == 0 if done else runs(job)):
            say(f"{work['name']} is taken over from an earlier run: job {job}")
            return job
        if not done:
            say(f"job {job} of an earlier run makes the same files; it is deleted and replaced")
            end(job)
        jobs.close(job)
    return None


def wait_for_submission(path: str | os.PathLike, work, patience_s: float = 60) -> None:
    """Wait for a running qsub of a controller that died, then remove its record.

    A job whose pending record was removed finds no record of its own and exits without work.
    """
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return
    if not set(record["targets"]) & set(work["targets"]):
        return
    deadline = time.time() + patience_s
    while path.exists() and time.time() < deadline:
        time.sleep(0.5)
    path.unlink(missing_ok=True)


def is_same(record: dict, work: dict) -> bool:
    """Whether a recorded job is this one, and its inputs have not changed since."""
    if os.environ.get("SIDEWINDER_FRESH"):  # the user forced these jobs: -R, -f, -F
        return False
    if any(record.get(key) != work[key] for key in ("targets", "inputs", "params", "group")):
        return False
    watched = work["inputs"] + (["config.yaml"] if work["group"] else [])
    try:
        return all(Path(path).stat().st_mtime <= record["time"] for path in watched)
    except OSError:
        return False


def runs(job):
    """Whether SGE has the job and it is not in error; waits for an answer."""
    known = jobs.is_known(job)
    while known is None:
        say_waiting()
        known = jobs.is_known(job)
    if not known:
        return False
    answer = jobs.ask("qstat", "-j", job)
    return answer is not None and not re.search(r"^error reason", answer.stdout, re.M)


def end(job, patience_s: float = 600) -> None:
    """Delete a job and wait until SGE has removed it."""
    deadline = time.time() + patience_s
    while (known := jobs.is_known(job)) is not False:
        if known is None:
            say_waiting()
            continue
        jobs.ask("qdel", job)
        if known == jobs.REFUSED and time.time() > deadline:
            sys.exit(
                f"sge: cannot find out whether job {job}, which writes the same files, has ended."
                f" Delete it (qdel {job}) and {STATE}/active/{job}.json, then start the run again."
            )
        time.sleep(1)


def submit(work):
    """Run qsub until SGE accepts or refuses the job; returns the job id."""
    token = f"{work['name']}.{os.getpid()}.{time.time_ns()}"
    script = (STATE / "scripts" / token).absolute()
    text = job_text(
        state=STATE.absolute(), log=Path(work["log"]).absolute(), script=script, token=token
    )
    for suffix, content in ((".sh", text), (".job", work.pop("text")), (".env", exports())):
        path = script.with_name(script.name + suffix)
        path.touch(mode=0o600)  # the environment may hold secrets
        path.write_text(content)
    pending = STATE / "pending" / f"{token}.json"
    while True:
        pending.write_text(json.dumps({**work, "token": token, "time": time.time()}))
        done = qsub(work, f"{script}.sh", pending)
        if done.returncode == 0:
            say_excess(work)
            return done.stdout.strip()
        if not jobs.SILENT.search(done.stderr):
            refused(work, done.stderr, pending)
        say_waiting()


# qsub and the renaming of the record complete even if this script is killed in between; a job
# whose record was removed meanwhile is deleted. Records of an earlier job with the same id (from
# a cluster that was set up again) are removed.
# A site's qsub may print other lines: the id is the line that is a number; if there is no such
# line, or more than one, qstat finds the job of this name that has this script.
QSUB = r"""
pending=$1; state=$2; folder=$3; name=$4; script=$5; shift 5
said=$(cd "$folder" && "$@" "$script") || exit 1
job=$(printf '%s\n' "$said" | sort -u |
  sed -n 's/^ *\([0-9][0-9]*\) *$/\1/p; s/^ *Your job \([0-9][0-9]*\) .*/\1/p')
for try in 1 2 3 4 5; do
  case $job in *[!0-9]*|'') ;; *) break;; esac
  [ $try = 1 ] || sleep 2
  job=$(qstat -j "$name" 2>/dev/null | script=$script awk '
    $1 == "job_number:" { number = $2 }
    $1 == "script_file:" && index($0, ENVIRON["script"]) { print number }')
done
case $job in *[!0-9]*|'')
  echo "qsub gave no job id on a line of its own, so the job will not run; it wrote: $said" >&2
  exit 1
esac
rm -f "$state/exit/$job" "$state/ended/$job.json" "$state/said/$job"
mv "$pending" "$state/active/$job.json" || { qdel "$job" >&2; exit 1; }
echo "$job"
"""


def qsub(work, script, pending):
    environment = {key: value for key, value in os.environ.items() if key != "SIDEWINDER_RUN"}
    here = os.getcwd()
    folder = "/" if "$" in here else here  # SGE replaces $... in the job's folder; the job says cd
    words = [pending, STATE, folder, work["name"], script, "qsub", *options(work)]
    return subprocess.run(
        ["sh", "-c", QSUB, "sh", *words],
        capture_output=True,
        text=True,
        env=environment,
        start_new_session=True,
    )


def say_excess(work) -> None:
    """Print a request above what any host has, once a run and rule; such a job waits forever."""
    for message in excess(work):
        say_once(f"excess.{work['rule']}.{os.getpgrp()}", message)


def refused(work, answer, pending) -> None:
    """Report that SGE refused the job, in the rule's log too, and exit with status 1."""
    reason = " ".join(answer.split()).removesuffix(" Exiting.")
    rules = sorted({target.partition(":")[0] for target in work["targets"]}) or [work["rule"]]
    message = f"qsub refused {work['name']}: {reason} (options by cluster.yaml: "
    message += f"{shlex.join(options(work))}). {remedy('sge', reason, rules)}".rstrip()
    if work["rule_log"]:
        Path(work["rule_log"]).parent.mkdir(parents=True, exist_ok=True)
        Path(work["rule_log"]).write_text(f"{message}\n")
    pending.unlink(missing_ok=True)
    say(message)
    sys.exit(1)
