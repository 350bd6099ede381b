"""The executor of profile slurm, with Slurm played by scripts: what is submitted, and once."""

import subprocess
import threading
import time
from types import SimpleNamespace

import pytest
from snakemake_interface_common.exceptions import WorkflowError

from steps_py.cluster.requests import Cluster
from steps_py.cluster.slurm import client
from steps_py.cluster.slurm.executor import (
    BLIND_MARGIN_SEC,
    PluginExecutor,
    SlurmExecutor,
    use_slurm_executor,
)


@pytest.fixture
def executor(tmp_path, monkeypatch):
    """One that has not been started: no Snakemake around it, no thread, no Slurm."""
    made = object.__new__(SlurmExecutor)
    made.array_jobs, made.max_array_size = {"all"}, 3
    made.records = tmp_path / "exit codes"
    made.records.mkdir()
    made.workflow = SimpleNamespace(workdir_init=str(tmp_path))
    made.run_uuid, made.warned = "sidewinder-0-1", set()
    made.active_ids, made.blind_since, made.unlisted_since = set(), None, {}
    made._partitions, made._failed_nodes = None, set()
    made.slurm_logdir = tmp_path / "logs/slurm"
    made.cancelled = threading.Event()
    made.logger = SimpleNamespace(warning=lambda message: None)
    monkeypatch.setattr(made, "format_job_exec", lambda job: f"exit {job.code}", raising=False)
    return made


def job(name="make_feats", *, code=0, attempt=1, mem_mb=2000):
    resources = {"mem_mb": mem_mb, "tmpdir": f"/tmp/{id(object())}"}
    return SimpleNamespace(
        name=name, code=code, attempt=attempt, threads=1, resources=resources, wildcards=["train"]
    )


def test_jobs_that_ask_for_the_same_are_one_array_as_long_as_the_limit(executor):
    jobs = [job() for _ in range(7)]
    assert [len(batch) for batch in executor.batches(jobs)] == [3, 3, 1]


def test_jobs_that_ask_for_different_things_are_not_mixed(executor):
    jobs = [job(), job("compute_vad"), job(mem_mb=4000), job(attempt=2), job()]
    assert [len(batch) for batch in executor.batches(jobs)] == [2, 1, 1, 1]
    executor.array_jobs = {"compute_vad"}
    assert [len(batch) for batch in executor.batches(jobs)] == [1] * 5


def run(script, **environment):
    environment = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(["bash"], input=script, text=True, env=environment).returncode


@pytest.mark.parametrize("code", [0, 3])
def test_a_job_leaves_its_exit_code_as_its_last_act(executor, code):
    assert executor.exit_code("12") is None
    assert run(executor.script([job(code=code)]), SLURM_JOB_ID="12") == code
    assert executor.exit_code("12") == code


def test_each_task_of_an_array_runs_its_own_job_and_leaves_its_own_code(executor):
    script = executor.script([job(code=0), job(code=7)])
    for task, code in (("1", 0), ("2", 7)):
        array = {"SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": task, "SLURM_JOB_ID": "99"}
        assert run(script, **array) == code
        assert executor.exit_code(f"12_{task}") == code


def test_a_killed_life_of_a_requeued_job_leaves_no_code_of_the_life_before(executor):
    (executor.records / "12").write_text("1\n")
    script = executor.script([job()]).replace("( exit 0", "( kill -9 $$")
    assert run(script, SLURM_JOB_ID="12") == -9
    assert executor.exit_code("12") is None


def submitted(executor, monkeypatch, *jobs):
    """The words of the sbatch command of these jobs."""
    calls = []

    def play(*command, **options):
        calls.append(command)
        return "7\n"

    monkeypatch.setattr(client, "run", play)
    settings = dict.fromkeys(["qos", "reservation", "requeue", "no_requeue"])
    executor.workflow.executor_settings = SimpleNamespace(**settings)
    _, job_id = executor.sbatch(list(jobs))
    assert job_id == "7" and len(calls) == 1
    return list(calls[0])


def site_job(tmp_path, text):
    (tmp_path / "cluster.yaml").write_text(f"default: {{gpu: 1, slurm: {text}}}")
    made = job()
    made.is_group = lambda: False
    made.resources = {
        key: value(None, 1) if callable(value) else value
        for key, value in Cluster(tmp_path / "cluster.yaml").resources("make_feats").items()
    }
    return made


@pytest.mark.parametrize(
    "text, options",
    [
        ("{qos: long}", ["--qos=long"]),
        ('{constraint: "a100&nvlink|h100"}', ["--constraint=a100&nvlink|h100"]),
        ("{reservation: SPEECH-JAN}", ["--reservation=SPEECH-JAN"]),
        ('{nodelist: "n[1-4]", exclude: n3}', ["--nodelist=n[1-4]", "--exclude=n3"]),
        ("{nice: 100, licenses: matlab}", ["--licenses=matlab", "--nice=100"]),
        ("{mail_user: a@b.org, mail_type: END}", ["--mail-user=a@b.org", "--mail-type=END"]),
        ("{signal: TERM@120}", ["--signal=TERM@120"]),
        ('{partition: "a b", account: "it\'s"}', ["--partition=a b", "--account=it's"]),
        ('{extra: "--reservation=SPEECH-JAN -C a100"}', ["--reservation=SPEECH-JAN", "-C", "a100"]),
        ('{extra: "--mem=0 --exclusive --comment=x -A lab"}', ["--mem=0", "--exclusive"]),
        ("{gres: 'gpu:a100:1,scratch:20'}", ["--gres=gpu:a100:1,scratch:20"]),
        ("{gres: 'scratch:20'}", ["--gres=scratch:20", "--gpus=1"]),
    ],
)
def test_what_a_site_needs_reaches_sbatch_unchanged(executor, monkeypatch, tmp_path, text, options):
    words = submitted(executor, monkeypatch, site_job(tmp_path, text))
    assert [word for word in options if word not in words] == []


def test_gpus_are_requested_once(executor, monkeypatch, tmp_path):
    words = submitted(executor, monkeypatch, site_job(tmp_path, "{gres: 'gpu:a100:1'}"))
    assert [word for word in words if word.startswith(("--gpu", "--gres"))] == ["--gres=gpu:a100:1"]


def test_the_log_s_path_has_nothing_that_slurm_replaces(executor, monkeypatch, tmp_path):
    made = site_job(tmp_path, "{}")
    made.wildcards = ["100%j"]
    words = submitted(executor, monkeypatch, made)
    assert f"--output={tmp_path}/logs/slurm/rule_make_feats/100%%j/%j.log" in words


def test_a_refused_submission_names_the_key_of_cluster_yaml(executor, monkeypatch, tmp_path):
    messages = []

    def refuse(*arguments, **options):
        raise client.SlurmRefused("sbatch: invalid partition specified: gpux")

    monkeypatch.setattr("steps_py.cluster.slurm.submission.submit", refuse)
    monkeypatch.setattr(
        executor, "_report_job_error_threadsafe", lambda info, msg: messages.append(msg)
    )
    settings = dict.fromkeys(["qos", "reservation", "requeue", "no_requeue"])
    executor.workflow.executor_settings = SimpleNamespace(**settings)
    executor.submit([site_job(tmp_path, "{partition: gpux}")])
    assert messages == [
        "not submitted: sbatch: invalid partition specified: gpux. Correct slurm.partition in"
        " cluster.yaml, under rules.make_feats or default.\n"
    ]


def info(job_id):
    return SimpleNamespace(external_jobid=job_id, job=job())


def test_where_slurm_lists_no_jobs_their_exit_codes_decide(executor, monkeypatch):
    monkeypatch.setattr(client, "sacct_states", lambda ids: {"3": "TIMEOUT"})
    (executor.records / "1").write_text("0\n")
    (executor.records / "2").write_text("9\n")
    verdicts = executor.judge_unlisted([info(name) for name in "1234"], "refused")
    assert [verdicts[name].state for name in "1234"] == ["COMPLETED", "FAILED", "TIMEOUT", None]


def test_waiting_for_a_slurm_that_lists_no_jobs_is_bounded(executor, monkeypatch):
    cancelled = []
    monkeypatch.setattr(client, "sacct_states", lambda ids: {})
    monkeypatch.setattr(client, "scancel", cancelled.extend)
    executor.blind_since = time.monotonic() - BLIND_MARGIN_SEC - 1
    with pytest.raises(WorkflowError, match="listed no jobs for 60 min.*Invalid user"):
        executor.judge_unlisted([info("4")], "squeue: Invalid user: 1000")
    assert cancelled == ["4"]


@pytest.mark.parametrize("there, chosen", [("2.8.1", SlurmExecutor), ("2.9.0", PluginExecutor)])
def test_with_another_version_of_the_plugin_its_own_executor_is_used(monkeypatch, there, chosen):
    registered = SimpleNamespace(executor=None)
    monkeypatch.setattr(
        "steps_py.cluster.slurm.executor.ExecutorPluginRegistry",
        lambda: SimpleNamespace(plugins={"slurm": registered}),
    )
    monkeypatch.setattr("importlib.metadata.version", lambda name: there)
    use_slurm_executor()
    assert registered.executor is chosen
