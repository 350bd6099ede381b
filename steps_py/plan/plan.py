"""The plan of a recipe: jobs with their times and files, for several numbers of slots."""

import dataclasses

from steps_py.plan.amounts import Amounts
from steps_py.plan.costs import Costs
from steps_py.plan.jobs import list_jobs, output_share
from steps_py.plan.schedule import Step, schedule
from steps_py.plan.sizes import recipe_sizes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The content of the report."""

    steps: list
    sizes: dict
    timelines: dict  # number of slots -> Timeline
    gpus: int
    costs: Costs
    learnt: list  # rules timed in this recipe
    unsized: list  # outputs of unknown size


def make_plan(snakefile, directory, recipe, config, asked):
    """The `Plan` of a config with defaults in the folder `directory`.

    `recipe` is the folder with conf/; `asked` is a PlanConfig.
    """
    sizes = recipe_sizes(config, directory, asked.sizes)
    amounts = Amounts(config, recipe, sizes)
    jobs, temporary = list_jobs(snakefile, directory, config)
    return plan_jobs(jobs, temporary, amounts, directory, asked)


def plan_jobs(jobs, temporary, amounts: Amounts, directory, asked):
    """The `Plan` of given jobs."""
    costs, with_gpus = Costs(site=asked.costs), asked.gpus > 0
    work = [amounts.of(job, costs.about(job.rule)) for job in jobs]
    learnt = costs.learn(directory, jobs, work, with_gpus)
    made, unsized = {}, []
    for job, amount in zip(jobs, work, strict=True):
        for path in job.outputs:
            size = costs.bytes(path, amount)
            made[path] = size and size * output_share(job, path)
            unsized += [path] if size is None else []
    steps = [
        Step(
            job=job,
            seconds=costs.seconds(job, amount, with_gpus),
            bytes={path: made[path] or 0 for path in job.outputs},
            input_bytes=sum(made.get(path) or 0 for path in job.inputs),
        )
        for job, amount in zip(jobs, work, strict=True)
    ]
    timelines = {slots: schedule(steps, temporary, slots, asked.gpus) for slots in asked.slots}
    return Plan(
        steps=steps,
        sizes=amounts.sizes,
        timelines=timelines,
        gpus=asked.gpus,
        costs=costs,
        learnt=learnt,
        unsized=unsized,
    )
