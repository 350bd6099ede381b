"""The executor of profile slurm, with Slurm played by scripts: what is submitted, and once."""

import subprocess
import threading
from types import SimpleNamespace

import pytest

from steps_py.cluster.slurm import client
from steps_py.cluster.slurm.executor import SILENT_POLL_SEC, SlurmExecutor


@pytest.fixture
def executor(tmp_path, monkeypatch):
    """One that has not been started: no Snakemake around it, no thread, no Slurm."""
    made = object.__new__(SlurmExecutor)
    made.array_jobs, made.max_array_size = {"all"}, 3
    made.records = tmp_path / "exit codes"
    made.records.mkdir()
    made.workflow = SimpleNamespace(workdir_init=str(tmp_path))
    made.run_uuid, made.said = "sidewinder-0-1", set()
    made.cancelled = threading.Event()
    made.logger = SimpleNamespace(warning=lambda message: None)
    monkeypatch.setattr(made, "format_job_exec", lambda job: f"exit {job.code}", raising=False)
    monkeypatch.setattr("steps_py.cluster.slurm.executor.SILENT_POLL_SEC", 0)
    assert SILENT_POLL_SEC > 0
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


def test_a_submission_whose_answer_was_lost_is_found_and_not_made_twice(executor, monkeypatch):
    asked = []

    def play(*command, **options):
        asked.append(command[0])
        if command[0] == "sbatch":
            raise client.SlurmSilent("Socket timed out")
        if asked.count("squeue") == 1:
            raise client.SlurmSilent("Unable to contact slurm controller")
        return "41|RUNNING|None|sidewinder-0-1|rule_make_feats other\n" + (
            "42|PENDING|Priority|sidewinder-0-1|rule_make_feats token\n"
        )

    monkeypatch.setattr(client, "run", play)
    assert executor.submit_until_answered(["sbatch"], "", "token") == "42"
    assert asked == ["sbatch", "squeue", "squeue"]


def test_a_submission_that_never_arrived_is_made_again(executor, monkeypatch):
    answers = iter([client.SlurmSilent("down"), "", "43\n"])

    def play(*command, **options):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(client, "run", play)
    assert executor.submit_until_answered(["sbatch"], "", "token") == "43"


def test_nothing_more_is_submitted_once_the_run_is_cancelled(executor, monkeypatch):
    monkeypatch.setattr(client, "run", lambda *command, **options: pytest.fail("submitted"))
    executor.cancelled.set()
    assert executor.submit_until_answered(["sbatch"], "", "token") is None
