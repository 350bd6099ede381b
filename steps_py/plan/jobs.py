"""The jobs of a workflow, as listed by a dry run of Snakemake."""

import dataclasses
import graphlib
import json
import os
import re
import subprocess
import sys
import tempfile

from steps_py.errors import StepsError

HEAD = re.compile(r" *(?:rule|localrule|checkpoint|localcheckpoint) (\w+):")
FIELD = re.compile(r" +(\w+): (.*)")  # deeper in a group of jobs
REMOVED = "Would remove temporary output "
ENOUGH_CORES = "100000"  # a dry run reduces threads to the number of cores


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One job of the plan."""

    rule: str
    number: int
    inputs: tuple = ()
    outputs: tuple = ()
    wildcards: dict = dataclasses.field(default_factory=dict)
    threads: int = 1
    mem_mb: int = 0
    gpus: int = 0
    benchmark: str | None = None


def list_jobs(
    snakefile: str | os.PathLike, directory: str | os.PathLike, config, target: str = "all"
):
    """(all jobs for `target`, names of temporary files), as if no file existed.

    By a dry run in which every job is forced.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        command = [sys.executable, "-m", "snakemake", "--snakefile", os.path.abspath(snakefile)]
        command += ["--directory", str(directory), "--configfile", file.name]
        command += ["--cores", ENOUGH_CORES, "--dry-run", "--forceall", "--nocolor", "--", target]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
        raise StepsError(f"{directory}: the workflow cannot be planned: {lines[-1]}")
    return parse_jobs(done.stdout + done.stderr)


def parse_jobs(text: str):
    r"""(jobs, temporary files) in the output of a dry run.

    >>> jobs, temporary = parse_jobs('''rule make_feats:
    ...     input: 1.scp, mfcc.conf
    ...     output: feats.1.ark
    ...     jobid: 7
    ...     threads: 2
    ...     resources: tmpdir=/tmp, mem_mb=2000, gpu=0
    ... Would remove temporary output 1.scp
    ... ''')
    >>> jobs[0].inputs, jobs[0].threads, jobs[0].mem_mb, temporary
    (('1.scp', 'mfcc.conf'), 2, 2000, {'1.scp'})
    """
    found, temporary, fields = [], set(), None
    for line in text.splitlines():
        if head := HEAD.fullmatch(line):
            fields = {"rule": head[1]}
            found.append(fields)
        elif fields is not None and (field := FIELD.fullmatch(line)):
            fields[field[1]] = field[2]
        else:
            fields = None
            if line.startswith(REMOVED):
                temporary.add(line.removeprefix(REMOVED).rstrip("."))
    jobs = [_job(fields) for fields in found]
    _check_count(jobs, text)
    return jobs, temporary


def _job(fields):
    resources = _pairs(fields.get("resources", ""))
    return Job(
        rule=fields["rule"],
        number=int(fields["jobid"]),
        inputs=_names(fields.get("input")),
        outputs=_names(fields.get("output")),
        wildcards=_pairs(fields.get("wildcards", "")),
        threads=int(fields.get("threads", 1)),
        mem_mb=int(resources.get("mem_mb", 0)),
        gpus=int(resources.get("gpu", 0)),
        benchmark=fields.get("benchmark"),
    )


def _names(text):
    return tuple(text.split(", ")) if text else ()


def _pairs(text):
    return dict(pair.split("=", 1) for pair in text.split(", ") if "=" in pair)


def _check_count(jobs, text):
    """Compare the number of jobs with the table of counts at the end of the output."""
    total = re.search(r"^total +(\d+)$", text, re.M)
    if total and int(total[1]) != len(jobs):
        raise StepsError(
            f"plan: read {len(jobs)} jobs from a dry run of {total[1]}. Is this the version of"
            " Snakemake that pyproject.toml names?"
        )


def waits_for(jobs):
    """For each job, the indices in `jobs` of those whose files it reads.

    A file that is no output of a job is a source, which exists.
    """
    maker = {path: place for place, job in enumerate(jobs) for path in job.outputs}
    return [sorted({maker[path] for path in job.inputs if path in maker}) for job in jobs]


def order(waits):
    """Indices in topological order: each after those that it waits for.

    >>> order([[2], [], [1]])
    [1, 2, 0]
    """
    sorter = graphlib.TopologicalSorter(dict(enumerate(waits)))
    return list(sorter.static_order())


def output_share(job: Job, path: str) -> float:
    """The share of one output in a job's work: 1/N if the job writes N pieces."""
    pieces = re.search(r"\b\d+-of-(\d+)\b", path)
    return 1 / int(pieces[1]) if pieces and "scatteritem" not in job.wildcards else 1.0


def scatter_share(job):
    """The share of its set that a job processes: 1/N for ``scatteritem`` k-of-N.

    >>> scatter_share(Job(rule="make_feats", number=1, wildcards={"scatteritem": "3-of-40"}))
    0.025
    """
    _, _, number = job.wildcards.get("scatteritem", "1-of-1").partition("-of-")
    return 1 / int(number)
