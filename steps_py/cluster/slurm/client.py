"""Slurm's commands, and whether they answered at all.

A scheduler that is down, restarting or overloaded gives no information about any job, so it
must not fail one: `SlurmSilent` is raised, and the caller retries.
"""

import dataclasses
import os
import re
import subprocess

# The final states of slurmctld; a job in any other state (PENDING, COMPLETING ...) is live.
FINAL = {
    *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY"),
    *("NODE_FAIL", "BOOT_FAIL", "DEADLINE", "PREEMPTED", "REVOKED"),
}
SILENT = re.compile(
    r"Unable to contact slurm|Socket timed out|connect failure|Connection refused"
    r"|Connection timed out|Transport endpoint|Unexpected message received"
    r"|temporarily|Zero Bytes were transmitted|slurmctld.*(?:in standby|down)"
    r"|Communication connection failure|Resolver failure",
    re.I,
)
FIELDS = "%i|%T|%r|%j|%k"


class SlurmSilent(Exception):
    """Slurm did not answer; nothing is known about any job."""


class SlurmBlind(SlurmSilent):
    """Slurm answers, but every command that lists jobs is refused."""


class SlurmRefused(Exception):
    """Slurm answered with a refusal."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One line of squeue. `id` is 12, or 12_3 for the third task of an array."""

    id: str
    state: str
    reason: str = ""
    name: str = ""
    comment: str = ""

    @property
    def live(self) -> bool:
        """Whether the job may still start, run or write."""
        return self.state not in FINAL


def run(*command, stdin=None, timeout_sec: float = 60):
    """The standard output of a Slurm command.

    It runs in a session of its own, so that a Ctrl-C for the workflow does not interrupt a
    submission.
    """
    try:
        done = subprocess.run(
            [str(word) for word in command],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_sec,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise SlurmRefused(f"no command {command[0]} here; is this a submit host?") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SlurmSilent(f"{command[0]}: {error}") from error
    if done.returncode:
        lines = [line.removeprefix(f"{command[0]}: error: ") for line in done.stderr.splitlines()]
        message = f"{command[0]}: {'; '.join(lines) or f'exit code {done.returncode}'}"
        raise (SlurmSilent if SILENT.search(message) else SlurmRefused)(message)
    return done.stdout


def jobs_named(prefix: str):
    """This user's jobs whose name begins with `prefix`, finished ones that Slurm lists included."""
    return [job for job in list_jobs() if job.name.startswith(prefix)]


def list_jobs():
    """This user's jobs; all jobs if Slurm has no user of that number.

    Raises SlurmBlind if squeue and scontrol both refuse.
    """
    listed = ["squeue", "--noheader", "--array", "--states=all", f"--format={FIELDS}"]
    refusals = []
    for whose in ([f"--user={os.getuid()}"], ["--me"], []):
        try:
            return parse_squeue(run(*listed, *whose))
        except SlurmRefused as error:
            refusals.append(str(error))
    try:
        text = run("scontrol", "--oneliner", "show", "jobs")
    except SlurmRefused as error:
        refusals.append(str(error))
    else:
        jobs = parse_scontrol(text)
        if jobs or "No jobs in the system" in text:
            return jobs
    raise SlurmBlind("; ".join(dict.fromkeys(refusals)))


def parse_scontrol(text: str):
    """The jobs in the output of ``scontrol --oneliner show jobs``.

    >>> [job.id for job in parse_scontrol(
    ...     "JobId=9 ArrayJobId=7 ArrayTaskId=2-3%1 JobName=a JobState=PENDING Reason=None\\n")]
    ['7_2', '7_3']
    """
    jobs = []
    for line in text.splitlines():
        facts = dict(re.findall(r"(\w+)=(\S*)", line))
        if "JobState" not in facts:
            continue
        ids = [facts["JobId"]]
        if "ArrayTaskId" in facts:
            ids = [f"{facts['ArrayJobId']}_{task}" for task in expand(facts["ArrayTaskId"])]
        shown = [facts.get(key, "") for key in ("JobState", "Reason", "JobName", "Comment")]
        jobs += [Job(job_id, *shown) for job_id in ids]
    return jobs


def expand(tasks):
    """The numbers in Slurm's list of array tasks.

    >>> list(expand("1-3,7%2"))
    ['1', '2', '3', '7']
    """
    for part in tasks.partition("%")[0].split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            yield from map(str, range(int(first), int(last or first) + 1))


def parse_squeue(text: str):
    """Lines of `FIELDS` as jobs.

    >>> parse_squeue("7_2|PENDING|Resources|sidewinder-1|rule_make_feats\\n")[0].id
    '7_2'
    """
    rows = [line.split("|", 4) for line in text.splitlines()]
    return [Job(*(cell.strip() for cell in row)) for row in rows if len(row) == 5]


def sacct_states(ids):
    """{id: state} from the accounting; empty if a site has none, or it does not answer.

    JobID names array tasks as squeue does; the number that JobIDRaw gives for 12_3 is the job
    id of another task.
    """
    try:
        text = run(
            "sacct", "-X", "--noheader", "--parsable2", "--format=JobID,State", "-j", ",".join(ids)
        )
    except (SlurmSilent, SlurmRefused):
        return {}
    rows = [line.split("|") for line in text.splitlines()]
    return {row[0]: row[1].split()[0] for row in rows if len(row) == 2 and row[1].strip()}


def describe(job_id):
    """`scontrol show job` as {key: value}; empty if Slurm has purged the job."""
    try:
        text = run("scontrol", "show", "job", "--oneliner", job_id)
    except (SlurmSilent, SlurmRefused):
        return {}
    return dict(word.split("=", 1) for word in text.split() if "=" in word)


def scancel(ids) -> None:
    """Cancel jobs; a job that has ended already is no error."""
    ids = list(ids)
    for first in range(0, len(ids), 200):
        try:
            run("scancel", *ids[first : first + 200])
        except SlurmRefused as error:
            if "Invalid job id" not in str(error):
                raise
