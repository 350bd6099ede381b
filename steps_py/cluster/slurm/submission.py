"""One submission to Slurm: sbatch is retried until it answers, and never makes two jobs.

The answer can be lost (slurmctld restarts), or hold other lines besides the job id. Each
submission therefore has a unique job name, by which squeue finds the job, and by which scancel
cancels it if no id is found.
"""

from collections.abc import Callable

from steps_py.cluster.slurm import client
from steps_py.cluster.slurm.command import job_ids

PAUSE_SEC = 5
NUM_LOOKS = 10  # for a job that sbatch has accepted


def submit(command: list[str], script: str, name: str, stop, say: Callable) -> str | None:
    """The job id, or None once `stop` is set. Retries while the scheduler does not answer.

    Args:
        command: the arguments of sbatch.
        script: the standard input of sbatch.
        name: the name of the job, unique to this submission.
        stop: an Event; set when the run is cancelled.
        say: called with a message for the user.

    Raises SlurmRefused if sbatch refuses the job, or no id can be found for it.
    """
    while not stop.is_set():
        try:
            answer = client.run(*command, stdin=script, timeout_sec=120)
        except client.SlurmRefused:
            accepted = look(name)  # a site's wrapper may fail after the submission
            if accepted:
                return accepted
            raise
        except client.SlurmSilent as error:
            say(f"sbatch got no answer and is retried: {error}")
            accepted = find(name, stop, num_looks=1)
            if accepted:
                return accepted
            continue
        ids = job_ids(answer)
        accepted = ids[0] if len(ids) == 1 else find(name, stop, NUM_LOOKS)
        if accepted or stop.is_set():
            return accepted
        cancel(name)
        raise client.SlurmRefused(
            "sbatch gave no job id on a line of its own, so the job was cancelled by its name."
            f" It wrote: {' '.join(answer.split())[:300]}"
        )
    return None


def find(name: str, stop, num_looks: int) -> str | None:
    """The id of the job `name`, or None if it is not in `num_looks` lists of Slurm's jobs.

    If Slurm answers but lists no jobs, the submission is cancelled: it may or may not exist.
    """
    num_blind = 0
    while num_looks and not stop.wait(PAUSE_SEC):
        try:
            accepted = id_of(name)
        except client.SlurmBlind:
            num_blind += 1
            if num_blind == NUM_LOOKS:
                cancel(name)
                return None
        except client.SlurmSilent:
            continue
        else:
            num_looks -= 1
            if accepted:
                return accepted
    return None


def look(name: str) -> str | None:
    """The id of the job `name`, if Slurm lists it now."""
    try:
        return id_of(name)
    except client.SlurmSilent:
        return None


def id_of(name: str) -> str | None:
    """The id of the job, or of the array, with this name or with its last part in the comment."""
    token = name.rpartition("-")[2]
    for job in client.list_jobs():
        if job.name == name or token in job.comment:
            return job.id.split("_")[0]
    return None


def cancel(name: str) -> None:
    try:
        client.run("scancel", f"--name={name}")
    except client.SlurmSilent as error:
        raise client.SlurmRefused(
            f"a job may be in Slurm by the name {name}, and cannot be cancelled: {error}"
        ) from error
