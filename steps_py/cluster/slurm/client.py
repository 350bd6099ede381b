"""Slurm's commands, and whether they answered at all.

Nothing that happens here may fail a job: a scheduler that is down, restarted or
overloaded has said nothing about any job.  So `SlurmSilent` is raised, and whoever
asked goes on waiting.
"""

import dataclasses
import os
import re
import subprocess

# Of slurmctld's final states; one that is not here (PENDING, COMPLETING ...) is a live job's.
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
    """Nobody answered: no statement about any job."""


class SlurmBlind(SlurmSilent):
    """Slurm answers, but lists no jobs in any of the ways in which it can be asked for them."""


class SlurmRefused(Exception):
    """Slurm answered, and its answer was no."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One line of squeue. `id` is 12, or 12_3 for the third task of an array."""

    id: str
    state: str
    reason: str = ""
    name: str = ""
    comment: str = ""

    @property
    def live(self):
        """It may still start, run or write: the opposite of over and gone."""
        return self.state not in FINAL


def run(*command, stdin=None, timeout_sec=60):
    """The standard output of a Slurm command.

    It runs in a session of its own, so that a Ctrl-C meant for the workflow cannot cut
    a submission in half.
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
        said = f"{command[0]}: {'; '.join(lines) or f'exit code {done.returncode}'}"
        raise (SlurmSilent if SILENT.search(said) else SlurmRefused)(said)
    return done.stdout


def jobs_named(prefix):
    """This user's jobs whose name begins with `prefix`, the finished ones too if still known."""
    return [job for job in list_jobs() if job.name.startswith(prefix)]


def list_jobs():
    """This user's jobs, or all jobs where Slurm does not know the user by number.

    SlurmBlind where squeue and scontrol both refuse, which says nothing about any job.
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


def parse_scontrol(text):
    """The jobs in what ``scontrol --oneliner show jobs`` writes.

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


def parse_squeue(text):
    """Lines of `FIELDS` as jobs.

    >>> parse_squeue("7_2|PENDING|Resources|sidewinder-1|rule_make_feats\\n")[0].id
    '7_2'
    """
    rows = [line.split("|", 4) for line in text.splitlines()]
    return [Job(*(cell.strip() for cell in row)) for row in rows if len(row) == 5]


def sacct_states(ids):
    """{id: state} from the accounting; empty where a site has none, or it does not answer.

    Asked by JobID, which names array tasks as squeue does; the plain number that
    JobIDRaw gives for 12_3 is that of another task.
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
    """`scontrol show job` as {key: value}; empty if Slurm has forgotten it."""
    try:
        text = run("scontrol", "show", "job", "--oneliner", job_id)
    except (SlurmSilent, SlurmRefused):
        return {}
    return dict(word.split("=", 1) for word in text.split() if "=" in word)


def scancel(ids):
    """Cancel; a job that is over already is no error."""
    ids = list(ids)
    for first in range(0, len(ids), 200):
        try:
            run("scancel", *ids[first : first + 200])
        except SlurmRefused as error:
            if "Invalid job id" not in str(error):
                raise
