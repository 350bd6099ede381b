"""The sbatch command of a job, and the job id in what sbatch answers."""

import os
import re

JOB_ID = re.compile(r"(?:Submitted batch job )?(\d+)(?:;\S+)?(?: on cluster \S+)?")


def sbatch_command(
    job, *, name: str, log: str, comment: str, directory: str | os.PathLike, extra: list[str] = ()
) -> list[str]:
    """The arguments of the command that submits `job`; sbatch reads the script from its stdin.

    Args:
        job: a job of Snakemake, with the resources that steps_py.cluster.requests gives it.
        name: the name of the Slurm job.
        log: the path of its output, absolute, with Slurm's placeholders (%j ...).
        comment: text that squeue shows.
        directory: where the job runs.
        extra: arguments that come last.
    """
    resources = job.resources
    words = ["sbatch", "--parsable", f"--job-name={name}", f"--output={log}", "--export=ALL"]
    words += [f"--comment={comment}", "-D", str(directory)]
    options = {
        "partition": resources.get("slurm_partition"),
        "account": resources.get("slurm_account"),
        "qos": resources.get("qos"),
        "constraint": resources.get("constraint"),
        "gres": resources.get("gres"),
        "time": resources.get("runtime"),
        "mem": resources.get("mem_mb"),
        "cpus-per-task": job.threads,
        "gpus": None if names_gpus(resources.get("gres")) else resources.get("gpu"),
    }
    if not resources.get("gpu"):
        options["ntasks"] = 1  # with GPUs, sites forbid it
    words += [f"--{option}={value}" for option, value in options.items() if value]
    return [*words, *extra]


def names_gpus(gres: str | None) -> bool:
    """Whether a list of generic resources has GPUs in it.

    >>> names_gpus("lscratch:20,gpu:a100:2"), names_gpus(None)
    (True, False)
    """
    return any(re.match(r"(gres/)?gpu\b", part.strip()) for part in (gres or "").split(","))


def job_ids(answer: str) -> list[str]:
    """The job ids on lines of `answer` that hold nothing else; other lines are skipped.

    >>> job_ids("Balance of course24: 1520 core-hours\\n100\\n"), job_ids("7;gpu-cluster")
    (['100'], ['7'])
    """
    found = [JOB_ID.fullmatch(line.strip()) for line in answer.splitlines()]
    return list(dict.fromkeys(match[1] for match in found if match))
