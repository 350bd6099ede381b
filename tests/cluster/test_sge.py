"""submit, status and cancel of profile sge beside an SGE that says what the test wants.

What a real SGE does is tested in tests/cluster; here is what it does rarely.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Answers with the file <name>.out of the folder `sge`, its exit code in <name>.code, and notes
# how it was called. A missing file is a qmaster that does not answer.
FAKE = """#!/bin/sh
cd "$(dirname "$0")"; name=$(basename "$0")
echo "$name $*" >> calls
for word in "$name $1" "$name"; do
  if [ -e "$word.out" ]; then cat "$word.out"; exit $(cat "$word.code" 2>/dev/null || echo 0); fi
done
echo "error: unable to contact qmaster using port 6444 on host x" >&2; exit 1
"""
LISTED = "<job_info><JB_job_number>{id}</JB_job_number><state>{state}</state></job_info>"
RECORD = {"rule": "make_feats", "name": "make_feats.1", "targets": ["make_feats:n=1"]}
RECORD |= {"inputs": [], "params": {}, "group": False, "log": "logs/sge/make_feats.1"}
RECORD |= {"rule_log": "logs/make_feats.1.log", "mem_mb": 100, "runtime_min": 1, "token": "t"}


class Sge:
    def __init__(self, folder):
        self.folder = folder
        self.bin = folder / "sge"
        self.bin.mkdir()
        for name in ("qsub", "qstat", "qdel", "qacct", "qconf"):
            (self.bin / name).write_text(FAKE)
            (self.bin / name).chmod(0o755)
        self.state = folder / ".snakemake/sge"
        for name in ("active", "exit", "said", "ended", "scripts", "pending"):
            (self.state / name).mkdir(parents=True)

    def answers(self, name, text, code=0):
        (self.bin / f"{name}.out").write_text(text)
        (self.bin / f"{name}.code").write_text(str(code))

    def has_job(self, job, **changes):
        record = {**RECORD, "time": time.time() + 60, **changes}
        (self.state / f"active/{job}.json").write_text(json.dumps(record))

    def run(self, script, *words, **waits):
        environment = {f"SIDEWINDER_SGE_{key}_S": str(value) for key, value in waits.items()}
        return subprocess.run(
            [ROOT / f"sge/bin/sge-{script}", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", **environment},
        )

    def status(self, job, **waits):
        done = self.run("status", job, **waits)
        assert done.returncode == 0
        return done.stdout.strip(), done.stderr

    def reason(self, job):
        return json.loads((self.state / f"ended/{job}.json").read_text())["reason"]

    def calls(self):
        path = self.bin / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def sge(tmp_path):
    return Sge(tmp_path)


def test_the_job_s_own_word_is_believed_and_nobody_else_is_asked(sge):
    for job, text, word in (("1", "0 5\n", "success"), ("2", "1 5\n", "failed")):
        sge.has_job(job)
        (sge.state / "exit" / job).write_text(text)
        assert sge.status(job)[0] == word
        assert not (sge.state / f"active/{job}.json").exists()
    assert sge.calls() == []
    assert sge.reason("2") == "exit code 1 after 5 s"


def test_a_silent_scheduler_is_no_failure_and_is_asked_once_for_all(sge):
    for job in "123":
        sge.has_job(job)
        assert sge.status(job, GRACE=0, ACCOUNTING=0)[0] == "running"
    assert [call.split()[0] for call in sge.calls()] == ["qstat"]


def test_a_held_job_is_told_once(sge):
    sge.has_job("7")
    sge.answers("qstat", LISTED.format(id=7, state="hqw"))
    assert sge.status("7")[0] == "running"
    word, said = sge.status("7")
    assert (word, said) == ("running", "")


def test_eqw_is_told_deleted_and_failed(sge):
    sge.has_job("7")
    sge.answers("qstat", LISTED.format(id=7, state="Eqw"))
    sge.answers("qstat -j", "error reason    1:      can't chdir to /x: No such file\n")
    sge.answers("qdel", "")
    assert sge.status("7")[0] == "failed"
    assert "Eqw): can't chdir to /x" in sge.reason("7")
    assert "qdel 7" in sge.calls()


def lost(sge, account=None, code=0):
    sge.has_job("7")
    sge.answers("qstat", "<job_info></job_info>")
    sge.answers("qstat -j", "Following jobs do not exist: \n7\n", 1)
    if account is None:
        sge.answers("qacct", "error: job id 7 not found\n", 1)
    else:
        sge.answers("qacct", "".join(f"{key:12} {value}\n" for key, value in account.items()))


ACCOUNT = {"failed": "100 : assumedly after job", "exit_status": "137 (Killed)"}
ACCOUNT |= {"start_time": "Fri Nov 20", "ru_wallclock": "5s", "maxvmem": "4.8M"}


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({}, "killed: qdel, kill -9"),
        ({"ru_wallclock": "66s"}, "walltime: ended after 66 s of 60 s asked"),
        ({"failed": "37  : qmaster enforced"}, "out of memory: 4.8M used, 100 MB asked"),
        ({"start_time": "-/-"}, "deleted before it ran"),
    ],
)
def test_the_account_of_a_lost_job_gives_its_reason(sge, changes, reason):
    lost(sge, {**ACCOUNT, **changes})
    assert sge.status("7", GRACE=0)[0] == "failed"
    assert sge.reason("7").startswith(reason)


def test_a_lost_job_is_waited_for_while_its_account_may_still_come(sge):
    lost(sge)
    assert sge.status("7", GRACE=0)[0] == "running"
    assert sge.status("7", GRACE=0, ACCOUNTING=0)[0] == "failed"
    assert "host was lost" in sge.reason("7")


def test_an_exit_code_that_shows_late_still_counts(sge):
    lost(sge, ACCOUNT)
    assert sge.status("7", GRACE=600)[0] == "running"
    (sge.state / "exit/7").write_text("0 5\n")
    assert sge.status("7")[0] == "success"


def test_a_job_that_could_not_write_its_exit_code_is_believed_by_its_account(sge):
    lost(sge, {**ACCOUNT, "failed": "0", "exit_status": "0"})
    assert sge.status("7", GRACE=0)[0] == "success"


def jobscript(sge, rule="make_feats", threads=1, targets=("make_feats:n=1",), **resources):
    properties = {"type": "single", "rule": rule, "wildcards": {"n": "1"}, "params": {}}
    properties |= {"log": ["logs/make_feats.1.log"], "threads": threads, "jobid": 3}
    properties["resources"] = {"mem_mb": 1000, "runtime": 2, "gpu": 0, **resources}
    path = sge.folder / "snakejob.sh"
    command = f"cd /x && python -m snakemake --target-jobs {' '.join(targets)} --cores all"
    command += " --wait-for-files /x/.snakemake/tmp.abc --force && exit 0 || exit 1"
    path.write_text(f"#!/bin/sh\n# properties = {json.dumps(properties)}\n{command}\n")
    return str(path)


CONSUMABLES = "h_vmem h_vmem MEMORY <= YES YES 0 0\nram_free rf MEMORY <= YES JOB 0 0\n"


@pytest.mark.parametrize(
    "memory, asked", [("h_vmem", "h_vmem=250M"), ("ram_free", "ram_free=1000M")]
)
def test_memory_is_asked_for_per_slot_where_sge_multiplies_it(sge, memory, asked):
    sge.answers("qconf", CONSUMABLES)
    sge.answers("qsub", "41\n")
    done = sge.run("submit", jobscript(sge, threads=4, sge_memory=memory, sge_queue="a.q"))
    assert done.stdout == "41\n", done.stderr
    call = next(call for call in sge.calls() if call.startswith("qsub"))
    assert f"-q a.q -pe smp 4 -l {asked},h_rt=120 " in call
    assert (sge.state / "active/41.json").exists()
    assert not list((sge.state / "pending").iterdir())


def test_what_qsub_refuses_stands_in_the_rule_s_log(sge):
    sge.answers("qconf", CONSUMABLES)
    (sge.bin / "qsub").write_text(
        '#!/bin/sh\necho "Unable to run job: unknown resource" >&2; exit 1\n'
    )
    done = sge.run("submit", jobscript(sge))
    assert done.returncode == 1
    said = (sge.folder / "logs/make_feats.1.log").read_text()
    assert "qsub refused make_feats.1: Unable to run job: unknown resource" in said
    assert not list((sge.state / "pending").iterdir())


def test_the_same_work_at_work_is_taken_over_and_other_work_is_replaced(sge):
    sge.answers("qconf", CONSUMABLES)
    sge.has_job("7")
    sge.answers("qstat -j", "job_number: 7\n")
    assert sge.run("submit", jobscript(sge)).stdout == "7\n"

    sge.has_job("7", params={"num": 2})
    sge.answers("qsub", "8\n")
    sge.answers("qstat -j", "Following jobs do not exist: \n7\n", 1)
    assert sge.run("submit", jobscript(sge)).stdout == "8\n"
    assert not (sge.state / "active/7.json").exists()


def test_cancel_deletes_all_that_are_not_over_in_one_call(sge):
    sge.answers("qdel", "")
    for job in "123":
        sge.has_job(job)
    (sge.state / "exit/2").write_text("0 1\n")
    sge.run("cancel")
    (call,) = sge.calls()
    assert sorted(call.split()[1:]) == ["1", "3"]


def test_the_environment_of_a_job_is_the_run_s_but_for_what_belongs_to_a_host(sge, monkeypatch):
    monkeypatch.setenv("KALDI_ROOT", "/opt/it's here")
    for name in ("SIDEWINDER_RUN", "CUDA_VISIBLE_DEVICES", "JOB_ID", "SGE_GPU"):
        monkeypatch.setenv(name, "x")
    sge.answers("qconf", CONSUMABLES)
    sge.answers("qsub", "41\n")
    sge.run("submit", jobscript(sge))
    (path,) = (sge.state / "scripts").glob("*.env")
    assert path.stat().st_mode & 0o077 == 0
    shown = subprocess.run(["sh", "-c", f". {path}; env"], env={}, capture_output=True, text=True)
    assert "KALDI_ROOT=/opt/it's here" in shown.stdout
    for name in ("SIDEWINDER_RUN", "CUDA_VISIBLE_DEVICES", "JOB_ID", "SGE_GPU"):
        assert f"{name}=" not in shown.stdout


def test_work_that_the_user_asks_for_again_is_never_taken_over(sge, monkeypatch):
    monkeypatch.setenv("SIDEWINDER_FRESH", "1")
    sge.answers("qconf", CONSUMABLES)
    sge.has_job("7")
    (sge.state / "exit/7").write_text("0 5\n")
    sge.answers("qsub", "8\n")
    assert sge.run("submit", jobscript(sge)).stdout == "8\n"


def test_a_job_that_no_queue_can_run_is_told_once_of_its_kind(sge):
    sge.answers("qconf", CONSUMABLES)
    sge.answers("qsub", "41\n")
    sge.answers("qsub -w", "verification: no suitable queues\n", 1)
    first = sge.run("submit", jobscript(sge))
    again = sge.run("submit", jobscript(sge, targets=["make_feats:n=2"]))
    assert first.stdout == again.stdout == "41\n"
    assert "make_feats.1 waits: no queue of SGE can run" in first.stderr
    assert again.stderr == ""
