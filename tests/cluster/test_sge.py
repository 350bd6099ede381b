"""submit, status and cancel of profile sge with a simulated SGE.

What a real SGE does is tested in tests/cluster; here is what it does rarely.
"""

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Answers with the file <name>.out of the folder `sge`, its exit code in <name>.code, and notes
# how it was called. A missing file is a qmaster that does not answer.
FAKE = """#!/bin/sh
cd "$(dirname "$0")"; name=$(basename "$0")
echo "$name $*" >> calls
for word in "$name $1 $2" "$name $1" "$name"; do
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


def test_the_exit_record_of_a_job_takes_precedence_and_sge_is_not_queried(sge):
    for job, text, word in (("1", "0 5\n", "success"), ("2", "1 5\n", "failed")):
        sge.has_job(job)
        (sge.state / "exit" / job).write_text(text)
        assert sge.status(job)[0] == word
        assert not (sge.state / f"active/{job}.json").exists()
    assert sge.calls() == []
    assert sge.reason("2") == "exit code 1 after 5 s"


def test_a_silent_scheduler_is_no_failure_and_is_queried_once_for_all_jobs(sge):
    for job in "123":
        sge.has_job(job)
        assert sge.status(job, GRACE=0, ACCOUNTING=0)[0] == "running"
    assert [call.split()[0] for call in sge.calls()] == ["qstat"]


def test_a_held_job_is_reported_once(sge):
    sge.has_job("7")
    sge.answers("qstat", LISTED.format(id=7, state="hqw"))
    assert sge.status("7")[0] == "running"
    word, said = sge.status("7")
    assert (word, said) == ("running", "")


def test_a_job_in_eqw_is_reported_deleted_and_failed(sge):
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
        ({"ru_wallclock": "66s"}, "walltime: ended after 66 s of 60 s requested"),
        ({"failed": "37  : qmaster enforced"}, "out of memory: 4.8M used, 100 MB requested"),
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


def test_a_job_without_an_exit_record_is_judged_by_accounting(sge):
    lost(sge, {**ACCOUNT, "failed": "0", "exit_status": "0"})
    assert sge.status("7", GRACE=0)[0] == "success"


def jobscript(
    sge, rule="make_feats", threads=1, targets=("make_feats:n=1",), attempt=1, **resources
):
    properties = {"type": "single", "rule": rule, "wildcards": {"n": "1"}, "params": {}}
    properties |= {"log": ["logs/make_feats.1.log"], "threads": threads, "jobid": 3}
    properties["resources"] = {"mem_mb": 1000, "runtime": 2, "gpu": 0, **resources}
    path = sge.folder / "snakejob.sh"
    command = f"cd /x && python -m snakemake --target-jobs {' '.join(targets)} --cores all"
    command += (
        f" --attempt {attempt} --wait-for-files /x/.snakemake/tmp.abc --force && exit 0 || exit 1"
    )
    path.write_text(f"#!/bin/sh\n# properties = {json.dumps(properties)}\n{command}\n")
    return str(path)


CONSUMABLES = "h_vmem h_vmem MEMORY <= YES YES 0 0\nram_free rf MEMORY <= YES JOB 0 0\n"


@pytest.mark.parametrize(
    "memory, asked", [("h_vmem", "h_vmem=250M"), ("ram_free", "ram_free=1000M")]
)
def test_memory_is_requested_per_slot_if_sge_multiplies_it(sge, memory, asked):
    sge.answers("qconf", CONSUMABLES)
    sge.answers("qsub", "41\n")
    done = sge.run("submit", jobscript(sge, threads=4, sge_memory=memory, sge_queue="a.q"))
    assert done.stdout == "41\n", done.stderr
    call = next(call for call in sge.calls() if call.startswith("qsub"))
    assert f"-q a.q -pe smp 4 -l {asked},h_rt=120 " in call
    assert (sge.state / "active/41.json").exists()
    assert not list((sge.state / "pending").iterdir())


def test_a_refusal_of_qsub_is_in_the_rule_s_log(sge):
    sge.answers("qconf", CONSUMABLES)
    (sge.bin / "qsub").write_text(
        '#!/bin/sh\necho "Unable to run job: unknown resource" >&2; exit 1\n'
    )
    done = sge.run("submit", jobscript(sge))
    assert done.returncode == 1
    said = (sge.folder / "logs/make_feats.1.log").read_text()
    assert "qsub refused make_feats.1: Unable to run job: unknown resource" in said
    assert "sge.resources in cluster.yaml, under rules.make_feats or default." in said
    assert not list((sge.state / "pending").iterdir())


def test_a_running_job_of_the_same_work_is_taken_over_and_another_is_replaced(sge):
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


HOST = """hostname              {name}
complex_values        gpu=2,ram_free=16G
load_values           load_avg=2.7,load_short=5.2, \\
                      num_proc=2,mem_free={free}M,mem_total={total}M
"""
QUEUE = "qname all.q\nslots {slots}\nh_rt {h_rt}\ncomplex_values NONE\n"
COMPLEXES = (
    "mem_free mf MEMORY <= YES NO 0 0\nram_free rf MEMORY <= YES JOB 0 0\n"
    "gpu gpu INT <= YES JOB 0 0\ncard card INT <= YES JOB 0 0\nh_rt h_rt TIME <= YES NO 0 0\n"
)


def site(sge, slots="2,[n2=8]", h_rt="INFINITY", total=24000, down=False):
    """Two hosts, of which the larger has `total` MB and 8 slots."""
    sge.answers("qsub", "41\n")
    for name, text in {
        "-sc": COMPLEXES,
        "-sel": "n1\nn2\n",
        "-se n1": HOST.format(name="n1", free=100, total=8000),
        "-se n2": "hostname n2\n" if down else HOST.format(name="n2", free=100, total=total),
        "-se global": "hostname global\ncomplex_values NONE\n",
        "-sql": "all.q\n",
        "-sq all.q": QUEUE.format(slots=slots, h_rt=h_rt),
    }.items():
        sge.answers(f"qconf {name}", text)


@pytest.mark.parametrize(
    "limits, asked, words",
    [
        (
            {},
            {"mem_mb": 32000},
            r"32000 MB of memory \(mem_free\), .*largest host has 24000 MB",
        ),
        ({}, {"mem_mb": 32000}, r"Lower rules\.make_feats\.mem_mb in cluster\.yaml"),
        ({}, {"mem_mb": 20000, "sge_memory": "ram_free"}, r"\(ram_free\), and .* has 16384 MB"),
        (
            {},
            {"gpu": 3},
            r"3 GPUs \(gpu\), .* has 2\. Lower rules\.make_feats\.gpu",
        ),
        ({}, {"gpu": 1, "sge_gpu": "card"}, r"1 GPUs \(card\), and the largest host has none"),
        ({"slots": "8"}, {"threads": 9}, r"9 threads .* has 8\. Lower rules\.make_feats\.threads"),
        ({"h_rt": "00:01:00"}, {"runtime": 2}, r"2 min of run time .* has 1 min"),
        (
            {},
            {"mem_mb": 32000, "attempt": 2},
            r"Set rules\.make_feats\.max_mem_mb to 24000",
        ),
    ],
)
def test_a_request_above_the_largest_host_is_named_with_its_key(sge, limits, asked, words):
    site(sge, **limits)
    done = sge.run("submit", jobscript(sge, **asked))
    assert done.stdout == "41\n"
    assert re.search(f"make_feats cannot run: it requests .*{words}", done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1
    again = sge.run("submit", jobscript(sge, targets=["make_feats:n=2"], **asked))
    assert (again.stdout, again.stderr) == ("41\n", "")


@pytest.mark.parametrize(
    "limits, asked",
    [
        ({}, {"mem_mb": 23900}),  # 100 MB are free now
        ({"down": True}, {"mem_mb": 32000}),  # the host that is down may be the largest
        ({}, {"mem_mb": 16000, "sge_memory": "ram_free", "threads": 8}),
        ({}, {"mem_mb": 10**6, "sge_memory": "none"}),
        ({}, {"gpu": 2, "threads": 8}),
        ({"h_rt": "24:00:00"}, {"runtime": 1440}),
    ],
)
def test_nothing_is_said_of_a_job_that_can_run(sge, limits, asked):
    site(sge, **limits)
    done = sge.run("submit", jobscript(sge, **asked))
    assert (done.stdout, done.stderr) == ("41\n", "")


@pytest.mark.parametrize(
    "answer",
    ["41\n", "Balance: 1520 hours\n41\n", " 41 \nNotice 7: 3 jobs\n", 'Your job 41 ("x") ok\n'],
)
def test_the_job_id_is_found_among_the_site_s_own_lines(sge, answer):
    site(sge)
    sge.answers("qsub", answer)
    done = sge.run("submit", jobscript(sge))
    assert (done.stdout, done.stderr) == ("41\n", "")
    assert (sge.state / "active/41.json").exists()


def test_where_qsub_gives_no_id_the_job_with_this_script_is_looked_up(sge):
    site(sge)
    (sge.bin / "qsub").write_text(
        '#!/bin/sh\nfor script; do :; done; cd "$(dirname "$0")"; echo qsub >> calls\n'
        "printf 'job_number: 40\\nscript_file: /other.sh\\njob_number: 41\\nscript_file: %s\\n'"
        ' "$script" > "qstat -j.out"; echo accepted\n'
    )
    done = sge.run("submit", jobscript(sge))
    assert done.stdout == "41\n", done.stderr
    assert sge.calls().count("qsub") == 1


def test_a_host_that_does_not_know_the_user_lists_all_jobs(sge, tmp_path):
    sge.has_job("7")
    sge.answers("qstat", LISTED.format(id=7, state="r"))
    code = (
        "import os; os.getuid = lambda: 2**31; from steps_py.cluster.sge import status;"
        "print(status.main('7'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=sge.folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{sge.bin}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
    )
    assert (done.stdout, done.stderr) == ("running\n", "")
    assert sge.calls() == ["qstat -xml -u *"]


def test_a_refusing_qstat_fails_no_job_and_waiting_is_bounded(sge):
    sge.has_job("7")
    sge.answers("qstat", "denied: no such user\n", 1)
    sge.answers("qacct", "error: no such file\n", 1)
    word, said = sge.status("7", GRACE=0, ACCOUNTING=0)
    assert word == "running" and "qstat refuses to list jobs" in said
    sge.has_job("7", runtime_min=0)
    sge.answers("qdel", "")
    assert sge.status("7", UNKNOWN=0, QSTAT_AGE=0)[0] == "failed"
    sge.has_job("8")
    (sge.state / "exit/8").write_text("0 5\n")
    assert sge.status("8")[0] == "success"


def test_a_submission_during_cancellation_deletes_its_job(sge):
    site(sge)
    (sge.bin / "qsub").write_text(
        '#!/bin/sh\ncd "$(dirname "$0")"; touch asked; sleep 1; echo 41\n'
    )
    sge.answers("qdel", "")
    script = jobscript(sge)
    with ThreadPoolExecutor() as pool:
        done = pool.submit(sge.run, "submit", script)
        while not (sge.bin / "asked").exists():
            time.sleep(0.02)
        sge.run("cancel")
        assert done.result().returncode == 1
    assert not (sge.state / "active/41.json").exists()
    assert "qdel 41" in sge.calls()


def test_site_options_reach_qsub_as_they_are(sge):
    site(sge)
    done = sge.run(
        "submit",
        jobscript(
            sge,
            **{"sge_resources": "hostname=n1*|n2,os=el9", "sge_project": "speech"},
            **{"sge_account": "it's", "sge_priority": "-10", "sge_job_share": "5"},
            **{"sge_context": "a=b c", "sge_queue": "a.q,b.q", "sge_mail_type": "ea"},
            **{"sge_extra": "-hard -l 'x=1' -soft -l y=2 -R y"},
        ),
    )
    assert done.stdout == "41\n", done.stderr
    call = next(call for call in sge.calls() if call.startswith("qsub"))
    for words in (
        *("-l hostname=n1*|n2,os=el9 ", "-P speech ", "-A it's ", "-p -10 ", "-js 5 "),
        *("-ac a=b c ", "-q a.q,b.q ", "-m ea ", "-hard -l x=1 -soft -l y=2 -R y /"),
    ):
        assert words in call


def test_a_folder_that_sge_would_change_is_not_the_job_s(sge):
    """SGE replaces $HOME and the like in the folder of a job."""
    site(sge)
    hostile = sge.folder / "a $HOME 'b' \"c\" {d}"
    hostile.mkdir()
    (sge.bin / "qsub").write_text('#!/bin/sh\npwd > "$(dirname "$0")/folder"; echo 41\n')
    script, sge.folder = jobscript(sge), hostile
    assert sge.run("submit", script).stdout == "41\n"
    assert (sge.bin / "folder").read_text() == "/\n"
    assert (hostile / ".snakemake/sge/active/41.json").exists()
