"""The executor of `--profile slurm`: snakemake-executor-plugin-slurm, and what it leaves open.

The plugin builds the sbatch command (partition, account, memory, GPUs, log files) and
knows the site's limits.  Four things are done here instead, for the reasons given:

submission   slurmctld that is down refuses sbatch; the plugin fails the job, and a
             minute's outage uses up all retries. Here it waits, and looks whether a
             submission whose answer was lost has been accepted.
arrays       the plugin keeps jobs back for an array when more jobs are ready than may
             run (--jobs), and never submits them; from sacct it takes the state of one
             task for all. Here the jobs that may run now and ask for the same are one array.
status       when squeue fails five times, the plugin never asks for its jobs again, and
             the run hangs; it waits for ever for a job that slurmctld has forgotten.
             Here steps_py/cluster/slurm/verdict.py judges.
cancel       on Ctrl-C the plugin cancels what it has listed, not what is being submitted.
             Here all jobs of this run's name are cancelled.
"""

import asyncio
import getpass
import importlib.metadata
import os
import shlex
import time
import uuid
from pathlib import Path
from threading import Event

import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from steps_py.cluster.run_guard import NAME as RUN_NAME
from steps_py.cluster.slurm import client, orphans
from steps_py.cluster.slurm.pending import cure
from steps_py.cluster.slurm.verdict import RUNNING, explain, judge

WRITTEN_FOR = "2.8.0"
RECORDS = ".snakemake/slurm_exits"
MAX_POLL_SEC = 30
SILENT_POLL_SEC = 5
NOT_ASKED_FOR = {"_cores", "_nodes", "tmpdir"}  # resources that do not shape a submission

SCRIPT = """\
#!/bin/bash
# {what}; made by {user} in {directory}
record={records}/${{SLURM_ARRAY_JOB_ID:+${{SLURM_ARRAY_JOB_ID}}_}}${{SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}}
unset {run_name}    # its end is Slurm's to bring about, gently, and not the run guard's
rm -f "$record"    # of an earlier life, if Slurm put this job back into the queue
case ${{SLURM_ARRAY_TASK_ID:-1}} in
{tasks}
esac
code=$?
echo $code > "$record.tmp" && mv "$record.tmp" "$record"
exit $code
"""


def use_slurm_executor():
    """Let Snakemake's executor `slurm` be the one below."""
    registered = ExecutorPluginRegistry().plugins.get("slurm")
    if registered is not None:
        registered.executor = SlurmExecutor


class SlurmExecutor(plugin.Executor):
    def __post_init__(self):
        super().__post_init__()
        there = importlib.metadata.version("snakemake-executor-plugin-slurm")
        if there != WRITTEN_FOR:
            raise WorkflowError(
                f"{__file__} is written for snakemake-executor-plugin-slurm"
                f" {WRITTEN_FOR}, and {there} is installed."
                " Say make .venv/ready, or pip install that version."
            )
        directory = Path(self.workflow.workdir_init)
        self.run_uuid = f"{orphans.recipe_name(directory)}-{uuid.uuid4().hex[:12]}"
        self.records = directory / RECORDS
        self.records.mkdir(parents=True, exist_ok=True)
        self.cancelled = Event()
        self.unlisted_since = {}
        self.said = set()
        orphans.mark(directory)
        self.logger.info(f"Slurm jobs of this run are named {self.run_uuid}")

    # submission

    def run_jobs(self, jobs):
        for batch in self.batches(jobs):
            for job in batch:
                self.run_job_pre(job)
            self._job_submission_executor.submit(self.submit, batch)

    def batches(self, jobs):
        """Jobs that are submitted together: those of a rule or group that ask for the same."""
        batches = {}
        for job in jobs:
            asked = {k: str(v) for k, v in job.resources.items() if k not in NOT_ASKED_FOR}
            key = (job.name, job.attempt, job.threads, tuple(sorted(asked.items())))
            alone = not {"all", job.name} & self.array_jobs
            batches.setdefault(id(job) if alone else key, []).append(job)
        size = self.max_array_size
        return [
            batch[first : first + size]
            for batch in batches.values()
            for first in range(0, len(batch), size)
        ]

    def submit(self, jobs):
        """sbatch, in a thread of the plugin's pool: one job, or an array of several."""
        try:
            log, job_id = self.sbatch(jobs)
        except Exception as error:  # of any kind: unheard of, a job is waited for
            for job in jobs:
                why = f"not submitted: {error}"
                self.tell_of_group(job, why)
                self._report_job_error_threadsafe(SubmittedJobInfo(job), f"{why}\n")
            return
        if job_id is None:
            return
        for number, job in enumerate(jobs, start=1):
            task = f"{job_id}_{number}" if len(jobs) > 1 else job_id
            task_log = str(log).replace("%A_%a", task).replace("%j", task)
            self.logger.info(f"Job {job.jobid} is Slurm job {task} (log: {task_log})")
            self._report_job_submission_threadsafe(
                SubmittedJobInfo(job, external_jobid=task, aux={"slurm_logfile": Path(task_log)})
            )

    def sbatch(self, jobs):
        """(log with Slurm's placeholders, job id); the id is None if the run was cancelled."""
        first, array = jobs[0], len(jobs) > 1
        wildcards = "" if array else plugin.get_job_wildcards(first)
        kind = f"{'group' if first.is_group() else 'rule'}_{first.name}"
        log = self.slurm_logdir / kind / wildcards / ("%A_%a.log" if array else "%j.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        token = uuid.uuid4().hex[:12]
        for job in jobs:
            plugin.validate_slurm_extra(job)
        call = plugin.get_submit_command(
            first,
            {
                "run_uuid": self.run_uuid,
                "slurm_logfile": log,
                "comment_str": f"{kind}{'_wildcards_' * bool(wildcards)}{wildcards} {token}",
                **self.place(first),
                "workdir": self.workflow.workdir_init,
            },
            settings=self.workflow.executor_settings,
            failed_nodes=self._failed_nodes,
        ) + plugin.set_gres_string(first)
        if array:
            call += f" --array=1-{len(jobs)}"
        return log, self.submit_until_answered(shlex.split(call), self.script(jobs), token)

    def place(self, job):
        """Account and partition of cluster.yaml; without, sbatch takes the site's defaults.

        The plugin asks sacctmgr or sinfo about them for each job, and fails it if they
        do not answer; sbatch knows as well, and is waited for.
        """
        account, partition = (job.resources.get(f"slurm_{key}") for key in ("account", "partition"))
        if not partition and self._partitions:
            partition = plugin.get_best_partition(self._partitions, job, self.logger)
        return {
            "account": f"-A {shlex.quote(account)}" if account else "",
            "partition": f"-p {shlex.quote(partition)}" if partition else "",
        }

    def script(self, jobs):
        names = [
            " ".join([job.name, *map(str, getattr(job, "wildcards", None) or [])])
            for job in jobs[:3]
        ]
        more = f" and {len(jobs) - 3} more" if len(jobs) > 3 else ""
        return SCRIPT.format(
            what=", ".join(names).replace("\n", " ") + more,
            user=getpass.getuser(),
            directory=self.workflow.workdir_init,
            run_name=RUN_NAME,
            records=shlex.quote(str(self.records)),
            tasks="\n".join(
                f"{number}) ( {self.format_job_exec(job)}\n) ;;"
                for number, job in enumerate(jobs, start=1)
            ),
        )

    def submit_until_answered(self, command, script, token):
        """The job id. A scheduler that is away is waited for; a refusal is an error."""
        while not self.cancelled.is_set():
            try:
                answer = client.run(*command, stdin=script, timeout_sec=120)
                return plugin.validate_or_get_slurm_job_id(answer.strip().split(";")[0], answer)
            except client.SlurmSilent as error:
                self.say(f"sbatch got no answer, and is tried again until it gets one: {error}")
            accepted = self.find_accepted(token)
            if accepted:
                return accepted
        return None

    def find_accepted(self, token):
        """Once slurmctld is back: the id of a submission whose answer was lost, or None."""
        while not self.cancelled.wait(SILENT_POLL_SEC):
            try:
                jobs = client.jobs_named(self.run_uuid)
            except client.SlurmSilent:
                continue
            return next((job.id.split("_")[0] for job in jobs if token in job.comment), None)
        return None

    # status

    async def check_active_jobs(self, active_jobs):
        settings = self.workflow.executor_settings
        if not active_jobs:
            self.next_seconds_between_status_checks = settings.init_seconds_before_status_checks
            return
        ids = [info.external_jobid for info in active_jobs]
        try:
            async with self.status_rate_limiter:
                verdicts = await asyncio.to_thread(self.ask, ids)
        except client.SlurmSilent as error:
            self.say(f"squeue got no answer; jobs go on, and are asked for again: {error}")
            self.next_seconds_between_status_checks = SILENT_POLL_SEC
            verdicts = dict.fromkeys(ids, RUNNING)
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

    def ask(self, ids):
        """{id: Verdict}: one squeue for all jobs, and sacct only for those it does not list."""
        listed = {job.id: job for job in client.jobs_named(self.run_uuid)}
        for job_id in ids:
            words = cure(listed[job_id]) if job_id in listed else None
            if words:
                job = listed[job_id]
                what = job.comment.rpartition(" ")[0].removeprefix("rule_")
                self.say(
                    f"Slurm job {job_id} ({what}) may wait for ever, {job.reason}: {words}",
                    once=(what.partition("_wildcards_")[0], job.reason),
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

    def exit_code(self, job_id):
        try:
            return int((self.records / job_id).read_text())
        except (OSError, ValueError):
            return None

    def finish(self, info, verdict):
        log = info.aux["slurm_logfile"]
        (self.records / info.external_jobid).unlink(missing_ok=True)
        if verdict.done:
            if not self.workflow.executor_settings.keep_successful_logs:
                log.unlink(missing_ok=True)
            self.report_job_success(info)
            return
        facts = client.describe(info.external_jobid)
        said = log.read_text(errors="replace") if log.is_file() else ""
        why = explain(info.external_jobid, verdict, facts, info.job.resources, said)
        why += f" (Slurm's log: {os.path.relpath(log)})" if said else " (it left no log)"
        self.tell_of_group(info.job, why)
        self.report_job_error(info, msg=f"{why}\n", aux_logs=[str(log)])

    def tell_of_group(self, job, why):
        """Snakemake's own words about a failed group leave out the message."""
        if job.is_group():
            self.logger.error(f"Group {job.name} ({job.jobid}) failed: {why}")

    # the end

    def cancel_jobs(self, active_jobs):
        self.cancelled.set()
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        try:
            live = [job.id for job in client.jobs_named(self.run_uuid) if job.live]
            client.scancel(live)
        except (client.SlurmSilent, client.SlurmRefused) as error:
            self.logger.warning(
                f"The jobs could not be cancelled: {error}. The next run here will do it;"
                f" or say scancel --name={self.run_uuid}"
            )

    def shutdown(self):
        super().shutdown()
        try:
            if not any(job.live for job in client.jobs_named(self.run_uuid)):
                orphans.unmark(self.workflow.workdir_init)
        except client.SlurmSilent:
            pass  # the mark stays, and the next run asks

    def say(self, message, once=None):
        """A warning, the first time; `once` names what counts as the same."""
        if (once or message) not in self.said:
            self.said.add(once or message)
            self.logger.warning(message)
