"""The report at the end of a failed run: failed jobs, the ends of their logs, scheduler reasons."""

import collections
import dataclasses
import json
import re
from pathlib import Path

from steps_py.cluster.job_logs import causes, last_lines

SGE_ENDED = Path(".snakemake/sge/ended")  # written by steps_py/cluster/sge/status.py

STAMP = r"^ *\[\w{3} \w{3} +\d+ [\d:]+ \d{4}\]"
STARTED = re.compile(r"^ *(?:local)?rule (\w+):\n((?: +\S.*\n)*)", re.M)
FAILED = re.compile(rf"^( *)Error in rule (\w+):\n(.*?)(?={STAMP}|\Z)", re.M | re.S)
STATUS = re.compile(
    r"^ *Command '(.*?)' (?:returned non-zero exit status (\d+)"
    r"|died with <Signals\.\w+: (\d+)>)\.$",
    re.M | re.S,
)
NOT_MADE = re.compile(
    r"^MissingOutputException in rule (\w+) in file .*\n(?:.*\n)*?.*--latency-wait:\n(.*)$", re.M
)
MOST_LINES = 20  # of one job's causes; more are in its log
RESTARTED = re.compile(r"^Trying to restart job (\S+)\.$", re.M)
SUBMITTED_GROUP = re.compile(r"^Submitted group job (\S+) with external jobid '(\S+)'", re.M)
SLURM_GROUP = re.compile(r"^Group \S+ \((\S+)\) failed: (.+) \(Slurm's log: (.+)\)$", re.M)
UNINFORMATIVE = re.compile(
    r"None|For further error details see|Error submitting jobscript|Error in group"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """One failed job, as Snakemake's log describes it."""

    rule: str
    number: str  # Snakemake's, not the scheduler's
    wildcards: str
    log: str | None
    job: str | None  # the scheduler's
    message: str | None
    status: int | None = None  # exit status of the job's shell, if Snakemake logs it

    def lines(self, memory_kills: int = 0) -> list[str]:
        """``<rule> (<wildcards>): <why> (log: <file>)`` for each cause; the scheduler's reason."""
        what = f"{self.rule} ({self.wildcards})" if self.wildcards else self.rule
        text = read(self.log) if self.log else ""
        found, last = causes(text, self.status, memory_kills), last_lines(text)
        log = f" (log: {self.log})" if last else ""
        lines = [
            f"{what}: {line.removeprefix(f'{self.rule}: ')}{log}" for line in found or last[-1:]
        ]
        if len(lines) > MOST_LINES:
            lines[MOST_LINES:] = [f"{what}: {len(lines) - MOST_LINES} more lines{log}"]
        if not lines:
            lines = [f"{what} failed and left no log"]
        before = last if found else last[:-1]
        shown = self.job or (self.status or 0) > 128
        before = [f"    | {text}" for text in before if shown and text not in found]
        return [*lines, *before, *self.cluster_lines()]

    def cluster_lines(self) -> list[str]:
        record = sge_record(self.job)
        if record:
            return [job_line(record)]
        if self.message and not UNINFORMATIVE.match(self.message):
            return [f"    job {self.job}: {self.message}" if self.job else f"    {self.message}"]
        return []


def failure_lines(snakemake_log: str, memory_kills: int = 0) -> list[str]:
    """Lines about each job whose last attempt failed, in order.

    `memory_kills` is the number of processes that the kernel killed for lack of memory.

    >>> failure_lines("Error in rule score_plda:\\n    jobid: 1\\n    message: None\\n")
    ['score_plda failed and left no log']
    """
    lines = []
    for failure in last_failures(snakemake_log):
        lines += [line for line in failure.lines(memory_kills) if line not in lines]
    lines += [line for line in group_lines(snakemake_log) if line not in lines]
    return lines + [
        f"{rule}: ended without an error, but did not write {names}"
        for rule, names in NOT_MADE.findall(snakemake_log)
    ]


def last_failures(snakemake_log: str, indent: str = "") -> list[Failure]:
    """The last failure of each job that failed more often than it was restarted."""
    wildcards = {
        (rule, field(block, "jobid")): field(block, "wildcards") or ""
        for rule, block in STARTED.findall(snakemake_log)
    }
    failures, times, statuses = {}, collections.Counter(), exit_statuses(snakemake_log)
    for indented, rule, block in FAILED.findall(snakemake_log):
        if indented != indent:
            continue
        number = field(block, "jobid")
        times[number] += 1
        failures[number] = Failure(
            rule=rule,
            number=number,
            wildcards=wildcards.get((rule, number), ""),
            log=(field(block, "log") or "").split(" (check")[0].split(", ")[0] or None,
            job=field(block, "external_jobid"),
            message=field(block, "message"),
            status=statuses.get(shell_of(block)),
        )
    restarts = collections.Counter(RESTARTED.findall(snakemake_log))
    return [failure for number, failure in failures.items() if times[number] > restarts[number]]


def exit_statuses(snakemake_log: str) -> dict:
    """``{command: status}`` of the shells that failed; 128 + its number after a signal."""
    return {
        bare(command): int(status) if status else 128 + int(number)
        for command, status, number in STATUS.findall(snakemake_log)
    }


def shell_of(block: str) -> str:
    """The command of an error block, as `exit_statuses` names it."""
    _, _, shell = block.partition("shell:\n")
    return bare(shell.partition("(command exited with")[0])


def bare(command: str) -> str:
    """A command without the text of shell.prefix and without blanks."""
    return "".join(command.rpartition("--strict; ")[2].split())


def group_lines(snakemake_log: str) -> list[str]:
    """Failures within groups: Snakemake names only the group, the job's own log has the rule."""
    jobs = {uuid: job for uuid, job in SUBMITTED_GROUP.findall(snakemake_log)}
    lines = []
    for record in filter(None, map(sge_record, jobs.values())):
        inner = read(scheduler_log(record))
        for failure in last_failures(inner):
            lines += failure.lines()
        lines.append(job_line(record))
    lines += slurm_group_lines(snakemake_log)
    if not lines:
        for failure in last_failures(snakemake_log, indent="    "):
            if failure.log and last_lines(read(failure.log)):
                lines += failure.lines()
    return lines


def slurm_group_lines(snakemake_log: str) -> list[str]:
    """Failures within groups in Slurm; the executor logs the path of the job's log."""
    reported = SLURM_GROUP.findall(snakemake_log)
    times = collections.Counter(number for number, *_ in reported)
    restarts = collections.Counter(RESTARTED.findall(snakemake_log))
    last = {number: rest for number, *rest in reported if times[number] > restarts[number]}
    lines = []
    for why, log in last.values():
        for failure in last_failures(read(log)):
            lines += failure.lines()
        lines.append(f"    {why} (Slurm's log: {log})")
    return lines


def sge_record(job: str | None) -> dict[str, str] | None:
    """The record that steps_py/cluster/sge/status.py wrote about a failed job, or None."""
    text = read(SGE_ENDED / f"{job}.json") if job else ""
    return json.loads(text) if text else None


def scheduler_log(record: dict[str, str]) -> str:
    return f"{record['log']}.{record['id']}.log"


def job_line(record: dict[str, str]) -> str:
    return f"    job {record['id']}: {record['reason']} (scheduler's log: {scheduler_log(record)})"


def field(block: str, name: str) -> str | None:
    """``name: value`` of one of Snakemake's blocks; None if it is not there."""
    found = re.search(rf"^ *{name}: (.+)$", block, re.M)
    return found[1].strip() if found else None


def read(path: str | Path) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
