"""Four corrections to Snakemake's decision about which jobs must run, and a message in one line.

Snakemake 9 does not check a job downstream of another one that must run, even if the two are
connected by `ancient()` inputs only: edits that concern such a job are then not carried out. It
looks for missing outputs at the targets only: results without the model that they were made with
count as complete, also when the training of that model has just failed. And it compares
modification times: a file that was truncated, edited or replaced by an older one counts as
complete. And a file that exists counts as given if an input of its job is missing, for example a
table that the config names since an edit.

With `plan_whole_graph` every job of the graph is checked on its own, and a file that another job
reads must exist, as its job wrote it, unless it is temporary. `ancient()` then is an order-only
prerequisite in the sense of GNU make: made before, but no reason to run again.

Files without Snakemake's metadata (the recipe was copied without .snakemake) are refused, because
it is unknown whether they belong to the present config.
"""

import os
import re
import sys
from itertools import chain

from snakemake.dag import DAG
from snakemake.exceptions import (
    MissingInputException,
    MissingRuleException,
    RuleException,
    WorkflowError,
)
from snakemake_interface_executor_plugins.settings import ExecMode

from steps_py.errors import some


def plan_whole_graph(made, costly=frozenset()):
    """Correct the planning of this process.

    Parameters
    ----------
    made : MadeFiles
        The record of the recipe's files.
    costly : set of str
        Rules whose changed files are refused rather than made again.
    """
    init, update_needrun, finish = DAG.init, DAG.update_needrun, DAG.finish

    async def init_in_one_line(dag, progress=False):
        try:
            await init(dag, progress)
        except MissingInputException as error:
            sys.exit(_cause(error))

    async def update_whole(dag, create_inventory=False):
        if dag.workflow.exec_mode != ExecMode.DEFAULT:
            await update_needrun(dag, create_inventory)
            return
        await _refuse_missing_inputs(dag)
        read = [(job, path) for job in dag.jobs for path in _read_by_others(dag, job)]
        differing = [(job, str(path)) for job, path in read if made.is_changed(path)]
        if dag.workflow.touch:
            refusable = []
        else:
            refusable = [(job, path) for job, path in differing if job.rule.name in costly]
        changed = sorted({path for _, path in differing} - {path for _, path in refusable})
        new = [path for path in changed if path not in dag.forcefiles]
        if new and not dag.workflow.touch:
            print(
                f"sidewinder: {len(new)} files were changed after their jobs ({some(new)});"
                " they are made again.",
                file=sys.stderr,
            )
        unknown = _unrecorded(dag)
        # After a run in this folder: outputs of jobs whose end a killed controller missed.
        if dag.workflow.touch or made.exists():
            changed += (path for _, path in unknown)
        dag.forcefiles |= set(changed)
        targets = dag.targetjobs
        dag.targetjobs = targets | {job for job in dag.jobs if not job.temp_output}
        # Used by update_needrun only to skip the jobs downstream of one that must run.
        dag.bfs = lambda direction, *jobs: iter(())
        try:
            await update_needrun(dag, create_inventory)
        finally:
            dag.targetjobs = targets
            del dag.bfs
        refused = sorted({path for job, path in refusable if not dag.needrun(job)})
        if refused:
            sys.exit(
                f"{some(refused)}: not as {refusable[0][0].rule.name} wrote it: damaged, edited or"
                " replaced. Put the file back; or remove it, and it is made again; or accept it"
                " as it is with 'snakemake --touch all'."
            )
        unknown = [path for job, path in unknown if not dag.needrun(job)]
        if unknown:
            sys.exit(
                f"{len(unknown)} files were not made by a run in this folder, or its record,"
                f" .snakemake, is missing: {some(sorted(unknown))}. Accept them as made from the"
                " present config with 'snakemake --touch all', or make them again with"
                " 'snakemake --forceall all'."
            )
        if not dag.workflow.dryrun:
            made.begin()

    async def finish_recorded(dag, job, update_checkpoint_dependencies=True):
        await finish(dag, job, update_checkpoint_dependencies)
        if dag.workflow.is_main_process and not dag.workflow.dryrun:
            jobs = job.jobs if job.is_group() else [job]
            made.add(str(path) for one in jobs for path in one.output)

    DAG.init = init_in_one_line
    DAG.update_needrun = update_whole
    DAG.finish = finish_recorded


async def _refuse_missing_inputs(dag):
    """Exit if a file that a job reads has a rule whose own inputs are missing."""
    for job in list(dag.jobs):
        for path in set(job.input) - set(chain(*dag.dependencies[job].values())):
            try:
                producers = await dag.file2jobs(path)
            except MissingRuleException:
                continue  # a file that is given
            try:
                await dag.update(producers, file=path)
            except (RuleException, WorkflowError) as error:
                sys.exit(f"{path} cannot be made: {_cause(error)}")


def _cause(error):
    """An error of Snakemake about missing inputs in one line; other ones as they are."""
    text = str(error)
    missing = re.search(r"^Missing input files for rule (\w+):.*affected files:(.*)", text, re.S)
    if missing is None:
        return " ".join(text.split())
    rule, files = missing[1], some(sorted(missing[2].split()))
    found = f"rule {rule} reads {files}, and there is no such file"
    return f"{found}. Put it there, or correct the config."


def _read_by_others(dag, job):
    return set(chain(*dag.depending[job].values()))


def _unrecorded(dag):
    """(job, output) of all outputs that exist without Snakemake's metadata of their job."""
    known = dag.workflow.persistence
    jobs = [job for job in dag.jobs if job.output and not job.temp_output and not dag.finished(job)]
    return [
        (job, str(path))
        for job in jobs
        if not known.has_metadata(job)
        for path in job.output
        if os.path.exists(path)
    ]
