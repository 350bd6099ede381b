"""The executor of `--profile slurm`: a subclass of that of snakemake-executor-plugin-slurm.

The plugin provides the command line options, the log folders and Snakemake's part of a job.
Four things are replaced, for these reasons:

submission   the plugin fails a job when slurmctld is down, when the site's sbatch prints lines of
             its own, or when slurm_extra contains "-J" anywhere.
             steps_py/cluster/slurm/submission.py waits and never submits a job twice.
arrays       when more jobs are ready than may run (--jobs), the plugin holds jobs back for an
             array and never submits them; it takes the state of one task in sacct for all.
             Here the jobs that can run now with equal resources are one array.
status       after five failures of squeue the plugin stops requesting the states of its jobs
             and the run hangs; it also waits indefinitely for a job that slurmctld has purged.
             Here steps_py/cluster/slurm/verdict.py decides.
cancel       on Ctrl-C the plugin cancels the jobs that it has listed, not those that are being
             submitted. Here all jobs whose names begin with the run's name are cancelled.
"""

import asyncio
import importlib.metadata
import os
import shlex
import time
import uuid
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from steps_py.cluster.quoting import QuotedPython
from steps_py.cluster.refusals import remedy
from steps_py.cluster.run_guard import NAME as RUN_NAME
from steps_py.cluster.slurm import client, orphans, submission
from steps_py.cluster.slurm.command import sbatch_command
from steps_py.cluster.slurm.pending import cure
from steps_py.cluster.slurm.verdict import explain, judge

if TYPE_CHECKING:
    from steps_py.cluster.slurm.verdict import Verdict

WRITTEN_FOR = "2.8."
RECORDS = ".snakemake/slurm_exits"
MAX_POLL_SEC = 30
SILENT_POLL_SEC = 5
BLIND_MARGIN_SEC = 3600  # above the run time of a job, for as long as Slurm lists no jobs
NOT_SUBMITTED = {"_cores", "_nodes", "tmpdir"}  # resources that are no option of sbatch

SCRIPT = """\
#!/bin/bash
# {what}
record={records}/${{SLURM_ARRAY_JOB_ID:+${{SLURM_ARRAY_JOB_ID}}_}}${{SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}}
unset {run_name}    # Slurm stops this job; the run guard must not
rm -f "$record"    # of an earlier attempt, if Slurm requeued this job
case ${{SLURM_ARRAY_TASK_ID:-1}} in
{tasks}
esac
code=$?
echo $code > "$record.tmp" && mv "$record.tmp" "$record"
exit $code
"""


def use_slurm_executor() -> None:
    """Register the executor below as `slurm`; for another version of the plugin, its own."""
    registered = ExecutorPluginRegistry().plugins.get("slurm")
    if registered is not None:
        there = importlib.metadata.version("snakemake-executor-plugin-slurm")
        registered.executor = SlurmExecutor if there.startswith(WRITTEN_FOR) else PluginExecutor


class PluginExecutor(plugin.Executor):
    """The unchanged executor of another version of the plugin, with a warning."""

    def __post_init__(self):
        super().__post_init__()
        there = importlib.metadata.version("snakemake-executor-plugin-slurm")
        self.logger.warning(
            f"snakemake-executor-plugin-slurm {there} is installed. The project's own submission"
            f" and status checks are written for {WRITTEN_FOR}x, so this run uses those of the"
            " plugin, which stop when Slurm does not answer. Install the version in"
            " pyproject.toml: make .venv/ready."
        )


class SlurmExecutor(QuotedPython, plugin.Executor):
    def __post_init__(self):
        super().__post_init__()
        directory = Path(self.workflow.workdir_init)
        self.run_uuid = f"{orphans.recipe_name(directory)}-{uuid.uuid4().hex[:12]}"
        self.records = directory / RECORDS
        self.records.mkdir(parents=True, exist_ok=True)
        self.cancelled = Event()
        self.active_ids = set()  # of submitted jobs that have not ended
        self.unlisted_since = {}
        self.blind_since = None
        self.warned = set()  # kinds of warnings that were logged
        orphans.mark(directory)
        self.logger.info(f"The names of this run's Slurm jobs begin with {self.run_uuid}")

    # submission

    def run_jobs(self, jobs) -> None:
        for batch in self.batches(jobs):
            for job in batch:
                self.run_job_pre(job)
            self._job_submission_executor.submit(self.submit, batch)

    def batches(self, jobs: list) -> list:
        """Jobs that are submitted together: those of a rule or group with equal resources."""
        batches = {}
        for job in jobs:
            resources = {k: str(v) for k, v in job.resources.items() if k not in NOT_SUBMITTED}
            key = (job.name, job.attempt, job.threads, tuple(sorted(resources.items())))
            alone = not {"all", job.name} & self.array_jobs
            batches.setdefault(id(job) if alone else key, []).append(job)
        size = self.max_array_size
        return [
            batch[first : first + size]
            for batch in batches.values()
            for first in range(0, len(batch), size)
        ]

    def submit(self, jobs: list) -> None:
        """sbatch, in a thread of the plugin's pool: one job, or an array of several."""
        try:
            log, job_id = self.sbatch(jobs)
        except Exception as error:  # in a thread: without a report the run would wait for the job
            why = f"not submitted: {error}"
            if isinstance(error, client.SlurmRefused):
                why = (
                    f"{why.rstrip('.')}. {remedy('slurm', str(error), rules_of(jobs[0]))}".rstrip()
                )
            for job in jobs:
                self.log_group_failure(job, why)
                self._report_job_error_threadsafe(SubmittedJobInfo(job), f"{why}\n")
            return
        if job_id is None:
            return
        for number, job in enumerate(jobs, start=1):
            task = f"{job_id}_{number}" if len(jobs) > 1 else job_id
            task_log = log / f"{task}.log"
            self.active_ids.add(task)
            self.logger.info(f"Job {job.jobid} is Slurm job {task} (log: {task_log})")
            self._report_job_submission_threadsafe(
                SubmittedJobInfo(job, external_jobid=task, aux={"slurm_logfile": task_log})
            )

    def sbatch(self, jobs: list) -> tuple[Path, str]:
        """(folder of the log, job id); the id is None if the run was cancelled."""
        first, array = jobs[0], len(jobs) > 1
        wildcards = "" if array else plugin.get_job_wildcards(first)
        kind = f"{'group' if first.is_group() else 'rule'}_{first.name}"
        folder = self.slurm_logdir / kind / wildcards
        folder.mkdir(parents=True, exist_ok=True)
        token = uuid.uuid4().hex[:12]
        log = str(folder.absolute()).replace("%", "%%")  # Slurm replaces %j and the like
        name = f"{self.run_uuid}-{token}"
        command = sbatch_command(
            first,
            name=name,
            log=f"{log}/{'%A_%a' if array else '%j'}.log",
            comment=f"{kind}{'_wildcards_' * bool(wildcards)}{wildcards} {token}",
            directory=self.workflow.workdir_init,
            extra=self.options(first, len(jobs)),
        )
        return folder, submission.submit(
            command, self.script(jobs), name, stop=self.cancelled, say=self.warn_once
        )

    def options(self, job, num_tasks: int) -> list[str]:
        """Further arguments of sbatch: Snakemake's options for Slurm, and those of cluster.yaml."""
        settings, words = self.workflow.executor_settings, []
        if self._partitions and not job.resources.get("slurm_partition"):
            partition = plugin.get_best_partition(self._partitions, job, self.logger)
            words += [f"--partition={partition}"] if partition else []
        words += [f"--qos={settings.qos}"] if settings.qos else []
        words += [f"--reservation={settings.reservation}"] if settings.reservation else []
        words += ["--requeue"] if settings.requeue else []
        words += ["--no-requeue"] if settings.no_requeue else []
        words += [f"--exclude={','.join(self._failed_nodes)}"] if self._failed_nodes else []
        words += [f"--array=1-{num_tasks}"] if num_tasks > 1 else []
        return words + shlex.split(job.resources.get("slurm_extra") or "")

    def script(self, jobs: list) -> str:
        names = [
            " ".join([job.name, *map(str, getattr(job, "wildcards", None) or [])])
            for job in jobs[:3]
        ]
        more = f" and {len(jobs) - 3} more" if len(jobs) > 3 else ""
        return SCRIPT.format(
            what=", ".join(names).replace("\n", " ") + more,
            run_name=RUN_NAME,
            records=shlex.quote(str(self.records)),
            tasks="\n".join(
                f"{number}) ( {self.format_job_exec(job)}\n) ;;"
                for number, job in enumerate(jobs, start=1)
            ),
        )

    # status

    async def check_active_jobs(self, active_jobs):
        settings = self.workflow.executor_settings
        if not active_jobs:
            self.next_seconds_between_status_checks = settings.init_seconds_before_status_checks
            return
        ids = [info.external_jobid for info in active_jobs]
        try:
            async with self.status_rate_limiter:
                verdicts = await asyncio.to_thread(self.query, ids)
        except client.SlurmSilent as error:
            self.warn_once(f"squeue got no answer; jobs continue and squeue is retried: {error}")
            self.next_seconds_between_status_checks = SILENT_POLL_SEC
            verdicts = {id_: judge(None, self.exit_code(id_), None, 0) for id_ in ids}
            if isinstance(error, client.SlurmBlind):
                verdicts |= await asyncio.to_thread(self.judge_unlisted, active_jobs, error)
        for info in active_jobs:
            verdict = verdicts[info.external_jobid]
            if verdict.state is None:
                yield info
                continue
            await asyncio.to_thread(self.finish, info, verdict)
        if any(verdict.state for verdict in verdicts.values()):
            self.next_seconds_between_status_checks = settings.init_seconds_before_status_checks
        else:
            self.next_seconds_between_status_checks = min(
                self.next_seconds_between_status_checks + 1, MAX_POLL_SEC
            )

    def query(self, ids):
        """{id: Verdict} by one squeue for all jobs, and sacct for those it does not list."""
        listed = {job.id: job for job in client.jobs_named(self.run_uuid)}
        self.blind_since = None
        for job_id in ids:
            words = cure(listed[job_id]) if job_id in listed else None
            if words:
                job = listed[job_id]
                what = job.comment.rpartition(" ")[0].removeprefix("rule_")
                self.warn_once(
                    f"Slurm job {job_id} ({what}) may never start, {job.reason}: {words}",
                    kind=(what.partition("_wildcards_")[0], job.reason),
                )
        now = time.monotonic()
        missing = [job_id for job_id in ids if job_id not in listed]
        self.unlisted_since = {id_: self.unlisted_since.get(id_, now) for id_ in missing}
        codes = {
            job_id: self.exit_code(job_id)
            for job_id in ids
            if job_id not in listed or not listed[job_id].live
        }
        unknown = [job_id for job_id in missing if codes[job_id] is None]
        accounted = client.sacct_states(unknown) if unknown else {}
        return {
            job_id: judge(
                listed.get(job_id),
                codes.get(job_id),
                accounted.get(job_id),
                now - self.unlisted_since.get(job_id, now),
            )
            for job_id in ids
        }

    def judge_unlisted(self, active_jobs: list, error: str) -> "dict[str, Verdict]":
        """{id: Verdict} where Slurm lists no jobs: by their own exit codes and the accounting.

        A killed job leaves neither, so the run fails once every job must have ended.
        """
        now = time.monotonic()
        self.blind_since = self.blind_since or now
        ids = [info.external_jobid for info in active_jobs]
        codes = {id_: self.exit_code(id_) for id_ in ids}
        unknown = [id_ for id_ in ids if codes[id_] is None]
        accounted = client.sacct_states(unknown) if unknown else {}
        verdicts = {id_: judge(None, codes[id_], accounted.get(id_), 0) for id_ in ids}
        longest_min = max(int(info.job.resources.get("runtime") or 0) for info in active_jobs)
        if now - self.blind_since > longest_min * 60 + BLIND_MARGIN_SEC:
            client.scancel(id_ for id_ in ids if verdicts[id_].state is None)
            raise WorkflowError(
                f"Slurm has listed no jobs for {(now - self.blind_since) / 60:.0f} min, longer than"
                f" any job may run: {error}. The jobs of this run are cancelled; start it again"
                " from a host where squeue answers."
            )
        return verdicts

    def exit_code(self, job_id: str) -> int | None:
        try:
            return int((self.records / job_id).read_text())
        except (OSError, ValueError):
            return None

    def finish(self, info, verdict) -> None:
        log = info.aux["slurm_logfile"]
        (self.records / info.external_jobid).unlink(missing_ok=True)
        self.active_ids.discard(info.external_jobid)
        if verdict.done:
            if not self.workflow.executor_settings.keep_successful_logs:
                log.unlink(missing_ok=True)
            self.report_job_success(info)
            return
        facts = client.describe(info.external_jobid)
        text = log.read_text(errors="replace") if log.is_file() else ""
        why = explain(info.external_jobid, verdict, facts, info.job.resources, text)
        why += f" (Slurm's log: {os.path.relpath(log)})" if text else " (it left no log)"
        self.log_group_failure(info.job, why)
        self.report_job_error(info, msg=f"{why}\n", aux_logs=[str(log)])

    def log_group_failure(self, job, why: str) -> None:
        """Snakemake's own report of a failed group omits the message."""
        if job.is_group():
            self.logger.error(f"Group {job.name} ({job.jobid}) failed: {why}")

    # the end

    def cancel_jobs(self, active_jobs) -> None:
        self.cancelled.set()
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        try:
            client.scancel(self.live_jobs())
        except (client.SlurmSilent, client.SlurmRefused) as error:
            self.logger.warning(
                f"The jobs could not be cancelled: {error}. The next run in this folder cancels"
                f" them; or cancel those whose name (squeue --me --format='%i %j') begins with"
                f" {self.run_uuid}."
            )

    def live_jobs(self):
        """Ids of this run's jobs that have not ended; by its own records where Slurm lists none."""
        try:
            return [job.id for job in client.jobs_named(self.run_uuid) if job.live]
        except client.SlurmBlind:
            return sorted(self.active_ids)

    def shutdown(self) -> None:
        super().shutdown()
        try:
            if not self.live_jobs():
                orphans.unmark(self.workflow.workdir_init)
        except client.SlurmSilent:
            pass  # the mark stays, and the next run checks

    def warn_once(self, message: str, kind=None) -> None:
        """Log a warning unless one of the same `kind` (by default: the same text) was logged."""
        if (kind or message) not in self.warned:
            self.warned.add(kind or message)
            self.logger.warning(message)


def rules_of(job) -> list[str]:
    """The names of the rules of a job, several if it is a group."""
    return sorted({one.rule.name for one in job.jobs}) if job.is_group() else [job.name]
