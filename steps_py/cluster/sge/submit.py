"""sge-submit <jobscript>: give one job of Snakemake to SGE and print its id.

Two promises. A job is submitted once, however often SGE is silent or the controller dies:
the record of a submission lies on disk before SGE is asked, and a job runs only when the
record bears its id. And no two jobs make the same files at once: a job of an earlier run
that does is taken over, or deleted and waited for.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from steps_py.cluster.sge import jobs
from steps_py.cluster.sge.jobs import STATE, say

# What belongs to the host that submits, to the controller or to a scheduler's other job.
NOT_EXPORTED = re.compile(
    r"_|PWD|OLDPWD|SHLVL|HOST|HOSTNAME|TERM|DISPLAY|TMPDIR|TMP|TEMP|SSH_.*|XDG_.*|DBUS_.*|BASH_.*"
    r"|SIDEWINDER_RUN|SIDEWINDER_FRESH|SNAKEMAKE_PROFILE|CUDA_VISIBLE_DEVICES"
    r"|SGE_.*|JOB_.*|NSLOTS|NHOSTS|NQUEUES|PE|PE_HOSTFILE|QUEUE|REQUEST|RESTARTED|ARC|ENVIRONMENT"
)

# The job waits until its submission is recorded under its id: until then it may be one that
# the controller knows nothing of, and nothing else may write its files meanwhile.
# With qsub -notify USR2 comes before the SIGKILL of qdel or a limit, USR1 before a suspension.
JOB = """\
#!/bin/bash
state={state}
log={log}
mkdir -p "${{log%/*}}" && exec >"$log.$JOB_ID.log" 2>&1
echo "job $JOB_ID ($JOB_NAME) on $(hostname), $(date '+%F %T')"
for ((i = 0; i < {patience_s}; i++)); do
  grep -qs {token} "$state/active/$JOB_ID.json" && break
  sleep 1
done
if ((i == {patience_s})); then
  echo "not run: $state/active/$JOB_ID.json does not name this submission"
  exit 1
fi
. {script}.env
warned=
trap 'warned=warned' USR2
trap '' USR1
# If this shell is killed, SGE would leave what it started at work beside its replacement.
(trap '' USR2; while kill -0 $$; do sleep 1; done; kill -KILL 0) 2>/dev/null &
watcher=$!
disown    # bash is not to tell of its end
SECONDS=0
bash {script}.job &
job=$!
wait $job
code=$?
if [ $warned ]; then wait $job; fi    # the first wait ended with the signal, not with the job
kill -KILL $watcher
if ((code)); then    # what a killed process left behind
  for pid in $(pgrep -g 0); do ((pid == $$)) || kill -KILL $pid 2>/dev/null; done
fi
echo "exit code $code after $SECONDS s $warned"
echo $code $SECONDS $warned >"$state/exit/.$JOB_ID" &&
  mv "$state/exit/.$JOB_ID" "$state/exit/$JOB_ID"
exit $((code != 0))    # never 99 or 100, which tell SGE to run the job again or to hold it
"""


def main(jobscript):
    for folder in jobs.FOLDERS:
        (STATE / folder).mkdir(parents=True, exist_ok=True)
    work = read_jobscript(jobscript)
    taken = settle_rivals(work)
    print(taken or submit(work))


def read_jobscript(path):
    """What Snakemake asks for: its properties, and the jobs and input files of the command."""
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
        # each job of a group by its rule and wildcards: what no two jobs may make at once
        "targets": sorted(words_after(command, "--target-jobs")),
        "inputs": sorted(p for p in inputs if not Path(p).name.startswith("tmp.")),
        "params": properties.get("params"),
        "log": scheduler_log(rule, logs[0] if logs else None),
        "rule_log": logs[0] if logs else None,
        "threads": int(properties["threads"]),
        "mem_mb": int(asked.get("mem_mb") or 0),
        "runtime_min": int(asked.get("runtime") or 0),
        "gpu": int(asked.get("gpu") or 0),
        "sge": {key[4:]: value for key, value in asked.items() if key.startswith("sge_")},
        "group": group,
        "text": text,
    }


def words_after(command, option):
    """The words that follow `option`, up to the next option."""
    if option not in command:
        return []
    words = command[command.index(option) + 1 :]
    ends = (i for i, word in enumerate(words) if word.startswith("--") or word == "&&")
    return words[: next(ends, len(words))]


def safe(name):
    """`name` as SGE takes it for a job: no separators, a letter first."""
    name = re.sub(r"[^A-Za-z0-9_.+-]", "_", name)[:120]
    return name if name[0].isalpha() else f"j{name}"


def scheduler_log(rule, log):
    """logs/a/b.log is the rule's, logs/sge/a/b.<id>.log what the scheduler's job said."""
    if not log:
        return f"logs/sge/{rule}"
    path = Path(log).with_suffix("")
    return str(Path("logs/sge", *path.parts[path.parts[0] == "logs" :]))


def settle_rivals(work):
    """The id of a job that does this work already; others that would write its files are ended."""
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


def wait_for_submission(path, work, patience_s=60):
    """Wait while qsub is still at work for a controller that died; forget what never came.

    A job whose pending record is forgotten finds no record of its own and ends unrun.
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


def is_same(record, work):
    """Whether a recorded job is this one, and its inputs are still those that it was given."""
    if os.environ.get("SIDEWINDER_FRESH"):  # the user asked for these jobs again: -R, -f, -F
        return False
    if any(record.get(key) != work[key] for key in ("targets", "inputs", "params", "group")):
        return False
    watched = work["inputs"] + (["config.yaml"] if work["group"] else [])
    try:
        return all(Path(path).stat().st_mtime <= record["time"] for path in watched)
    except OSError:
        return False


def runs(job):
    """Whether SGE has the job and it is not in error. Waits for an answer."""
    known = jobs.is_known(job)
    while known is None:
        say_waiting()
        known = jobs.is_known(job)
    if not known:
        return False
    told = jobs.ask("qstat", "-j", job)
    return told is not None and not re.search(r"^error reason", told.stdout, re.M)


def end(job):
    """Delete a job and wait until SGE has let it go."""
    while (known := jobs.is_known(job)) is not False:
        if known:
            jobs.ask("qdel", job)
            time.sleep(1)
        else:
            say_waiting()


def submit(work):
    """Ask SGE until it takes or refuses the job."""
    token = f"{work['name']}.{os.getpid()}.{time.time_ns()}"
    script = (STATE / "scripts" / token).absolute()
    state, log = STATE.absolute(), Path(work["log"]).absolute()
    text = JOB.format(
        state=shlex.quote(str(state)),
        log=shlex.quote(str(log)),
        script=shlex.quote(str(script)),
        token=shlex.quote(f'"{token}"'),
        patience_s=300,
    )
    for suffix, content in ((".sh", text), (".job", work.pop("text")), (".env", exports())):
        path = script.with_name(script.name + suffix)
        path.touch(mode=0o600)  # the environment may hold secrets
        path.write_text(content)
    pending = STATE / "pending" / f"{token}.json"
    while True:
        pending.write_text(json.dumps({**work, "token": token, "time": time.time()}))
        done = qsub([*options(work), f"{script}.sh"], pending)
        if done.returncode == 0:
            tell_if_hopeless(work, f"{script}.sh")
            return done.stdout.strip()
        if not jobs.SILENT.search(done.stderr):
            refused(work, done.stderr, pending)
        say_waiting()


# qsub and the renaming of the record outlive this script, should it be killed in between; a
# job whose record has gone meanwhile is taken back. A job id that was used before, by a
# cluster set up anew, leaves nothing behind.
QSUB = """
pending=$1; state=$2; shift 2
job=$("$@") && case $job in *[!0-9]*|'') echo "qsub answered: $job" >&2; exit 1;; esac || exit 1
rm -f "$state/exit/$job" "$state/ended/$job.json" "$state/said/$job"
mv "$pending" "$state/active/$job.json" || { qdel "$job" >&2; exit 1; }
echo "$job"
"""


def qsub(arguments, pending):
    environment = {key: value for key, value in os.environ.items() if key != "SIDEWINDER_RUN"}
    return subprocess.run(
        ["sh", "-c", QSUB, "sh", pending, STATE, "qsub", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        start_new_session=True,
    )


def tell_if_hopeless(work, script):
    """Say once of each kind of job that no queue can run it: it would wait without a word.

    Not a failure: hosts may come back, and what SGE verifies is only how it is now.
    """
    asked = options(work)
    kind = " ".join(word for word in asked if word != work["name"])
    seen = STATE / "verified"
    if seen.exists() and kind in seen.read_text().splitlines():
        return
    with seen.open("a") as kinds:
        kinds.write(f"{kind}\n")
    answer = jobs.ask("qsub", "-w", "v", *asked, script)
    if answer and "no suitable queues" in answer.stdout + answer.stderr:
        say(f"{work['name']} waits: no queue of SGE can run what asks for {kind}")


def options(work):
    """qsub's options: names of complexes, queue and so on are the site's, from cluster.yaml."""
    site = {"pe": "smp", "memory": "mem_free", "time": "h_rt", "gpu": "gpu", **work["sge"]}
    site = {key: value for key, value in site.items() if value != "none"}
    given = ["-terse", "-cwd", "-S", "/bin/bash", "-N", work["name"], "-j", "y", "-o", "/dev/null"]
    given += ["-r", "n", "-notify"]
    for option, key in (("-q", "queue"), ("-P", "project"), ("-A", "account")):
        if key in site:
            given += [option, site[key]]
    if work["threads"] > 1:
        given += ["-pe", site["pe"], str(work["threads"])]
    asked = []
    if "memory" in site and work["mem_mb"]:
        mem_mb = work["mem_mb"]
        if is_per_slot(site["memory"]):
            mem_mb = -(-mem_mb // work["threads"])
        asked.append(f"{site['memory']}={mem_mb}M")
    if "time" in site and work["runtime_min"]:
        asked.append(f"{site['time']}={work['runtime_min'] * 60}")
    if "gpu" in site and work["gpu"]:
        asked.append(f"{site['gpu']}={work['gpu']}")
    if asked:
        given += ["-l", ",".join(asked)]
    return given + shlex.split(site.get("extra", ""))


def is_per_slot(complex_name):
    """Whether SGE multiplies a request by the slots of a job: a consumable of kind YES."""
    cache = STATE / "complexes"
    if not cache.exists():
        while (told := jobs.ask("qconf", "-sc")) is None:
            say_waiting()
        jobs.write(cache, told.stdout)
    rows = [line.split() for line in cache.read_text().splitlines()]
    return any(complex_name in row[:2] and row[5] == "YES" for row in rows if len(row) == 8)


def exports():
    """The run's environment as bash: qsub -V drops LD_LIBRARY_PATH and trips over functions."""
    return "".join(
        f"export {key}={shlex.quote(value)}\n"
        for key, value in os.environ.items()
        if re.fullmatch(r"[A-Za-z_]\w*", key) and not NOT_EXPORTED.fullmatch(key)
    )


def refused(work, answer, pending):
    """SGE will not have this job. The rule's log says so, and so does the run's last word."""
    reason = " ".join(answer.split()).removesuffix(" Exiting.")
    message = f"qsub refused {work['name']}: {reason} (asked by cluster.yaml: "
    message += f"{shlex.join(options(work))})"
    if work["rule_log"]:
        Path(work["rule_log"]).parent.mkdir(parents=True, exist_ok=True)
        Path(work["rule_log"]).write_text(f"{message}\n")
    pending.unlink(missing_ok=True)
    say(message)
    sys.exit(1)


def say_waiting():
    """SGE is silent: wait, tell it once in five minutes, and stop when the controller is gone."""
    told = STATE / "said" / "silent"
    if not told.exists() or time.time() - told.stat().st_mtime > 300:
        jobs.write(told, "")
        say("SGE does not answer; jobs wait until it does")
    time.sleep(jobs.RETRY_S)
    if os.getppid() == 1:
        sys.exit("sge: the controller is gone")
