"""Two corrections to Snakemake's decision about which jobs must run.

Snakemake 9 skips the check of a job that lies below another one that must run, also where
`ancient()` inputs are all that connects the two: edits of such a job are then not carried out.
And it looks for missing outputs at the targets only: results without the model that they were
made with count as complete, also when the training of that model has just failed.

With `plan_whole_graph` every job of the graph is checked by itself, and a file that another
job reads must be there unless it is temporary.  `ancient()` then means what GNU make calls an
order-only prerequisite: made before, and no reason to run again.

Files made without Snakemake's record of how (the recipe was copied without .snakemake) are
refused: whether they belong to the config as it is cannot be known.
"""

from snakemake.dag import DAG
from snakemake.exceptions import WorkflowError
from snakemake_interface_executor_plugins.settings import ExecMode

from steps_py.errors import some


def plan_whole_graph(changed_files):
    """Correct the planning of this process; `changed_files` are made again by their jobs.

    Parameters
    ----------
    changed_files : collection of str
        Outputs of jobs that are not what those jobs wrote, relative to the recipe's folder.
    """
    needrun = DAG.update_needrun

    async def update_needrun(dag, create_inventory=False):
        if dag.workflow.exec_mode != ExecMode.DEFAULT:
            await needrun(dag, create_inventory)
            return
        targets = dag.targetjobs
        dag.targetjobs = targets | {job for job in dag.jobs if not job.temp_output}
        dag.forcefiles = dag.forcefiles | set(changed_files)
        # Used in there for one thing: the jobs behind one that must run are not checked.
        dag.bfs = lambda direction, *jobs: iter(())
        try:
            await needrun(dag, create_inventory)
        finally:
            dag.targetjobs = targets
            del dag.bfs
        _refuse_unrecorded(dag)

    DAG.update_needrun = update_needrun


def _refuse_unrecorded(dag):
    workflow = dag.workflow
    if workflow.touch or dag.forcerules or dag.forcefiles:
        return
    unknown = sorted(
        str(path)
        for job in dag.jobs
        if not dag.needrun(job) and not dag.finished(job) and job.output and not job.temp_output
        if not workflow.persistence.has_metadata(job)
        for path in job.output
    )
    if unknown:
        raise WorkflowError(
            f"{len(unknown)} files were made by a run whose record, .snakemake, is gone:"
            f" {some(unknown)}. Accept them as made from the config as it is with"
            " 'snakemake --touch all', or make them again with 'snakemake --forceall all'."
        )
