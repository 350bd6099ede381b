"""A job is submitted to Slurm once, for all answers of sbatch and squeue."""

import threading

import pytest

from steps_py.cluster.slurm import client, submission

NAME = "sidewinder-0-1-token"


@pytest.fixture
def slurm(monkeypatch):
    """Set what each command answers, a list with one entry per call; returns the calls."""
    monkeypatch.setattr(submission, "PAUSE_SEC", 0)

    def play(**answers):
        calls = []

        def run(*command, **options):
            calls.append(" ".join(command[:1] if command[0] != "scancel" else command))
            left = answers[command[0]]
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(client, "run", run)
        return calls

    return play


def submit(stop=None):
    return submission.submit(["sbatch"], "", NAME, stop or threading.Event(), lambda message: None)


BEFORE = "Balance of course24: 1520 core-hours\n"
LISTED = f"41|RUNNING|None|other|x\n42_1|PENDING|None|{NAME}|rule_a token\n"
REFUSED = client.SlurmRefused("squeue: Invalid user: 1000")
DOWN = client.SlurmSilent("Unable to contact slurm controller")


@pytest.mark.parametrize(
    "answer",
    [
        *("42\n", "42;gpu\n", "Submitted batch job 42\n", "Submitted batch job 42 on cluster x\n"),
        *(f"{BEFORE}42\n", "42\nJobs today: 17 of 500\n", f"* 2026 *\n\n  42  \n{BEFORE}"),
    ],
)
def test_the_job_id_is_found_among_the_site_s_own_lines(slurm, answer):
    calls = slurm(sbatch=[answer])
    assert submit() == "42"
    assert calls == ["sbatch"]


@pytest.mark.parametrize("answer", ["", "job accepted\n", "2026\n42\n"])
def test_an_answer_without_one_job_id_is_completed_by_squeue(slurm, answer):
    calls = slurm(sbatch=[answer], squeue=["", DOWN, LISTED])
    assert submit() == "42"
    assert calls == ["sbatch", "squeue", "squeue", "squeue"]


def test_a_job_whose_id_cannot_be_found_is_cancelled_and_not_submitted_again(slurm):
    calls = slurm(sbatch=["accepted\n"], squeue=[REFUSED], scontrol=[REFUSED], scancel=[""])
    with pytest.raises(client.SlurmRefused, match="gave no job id.*It wrote: accepted"):
        submit()
    assert calls.count("sbatch") == 1
    assert f"scancel --name={NAME}" in calls


def test_a_submission_whose_answer_was_lost_is_found_and_not_made_twice(slurm):
    calls = slurm(sbatch=[DOWN], squeue=[DOWN, LISTED])
    assert submit() == "42"
    assert calls == ["sbatch", "squeue", "squeue"]


def test_a_submission_that_never_arrived_is_made_again(slurm):
    calls = slurm(sbatch=[DOWN, "43\n"], squeue=[""])
    assert submit() == "43"
    assert calls == ["sbatch", "squeue", "sbatch"]


def test_where_slurm_lists_no_jobs_a_lost_submission_is_cancelled_before_the_next(slurm):
    calls = slurm(sbatch=[DOWN, "43\n"], squeue=[REFUSED], scontrol=[REFUSED], scancel=[""])
    assert submit() == "43"
    assert calls[-2:] == [f"scancel --name={NAME}", "sbatch"]


def test_a_refusal_is_an_error_unless_the_job_is_there(slurm):
    slurm(sbatch=[client.SlurmRefused("invalid partition")], squeue=[""])
    with pytest.raises(client.SlurmRefused, match="invalid partition"):
        submit()
    slurm(sbatch=[client.SlurmRefused("wrapper: exit code 1")], squeue=[LISTED])
    assert submit() == "42"


def test_nothing_more_is_submitted_once_the_run_is_cancelled(slurm):
    calls, stop = slurm(sbatch=["1"]), threading.Event()
    stop.set()
    assert submit(stop) is None
    assert calls == []
