"""Print what a recipe would take, and run nothing of it.

python -m steps_py.stages.plan --snakefile Snakefile --directory egs/mini \\
    --config JSON --plan '{"slots": [100]}'
"""

import argparse
import json

from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snakefile", required=True)
    parser.add_argument("--directory", default=".", help="where the recipe runs")
    parser.add_argument("--recipe", default=".", help="the folder that has its conf/")
    parser.add_argument("--config", type=json.loads, required=True, help="all of it, as JSON")
    parser.add_argument("--plan", required=True, help="section plan, as JSON")
    args = parser.parse_args(argv)

    # start-up time
    from steps_py.plan.plan import make_plan
    from steps_py.plan.report import report
    from steps_py.recipe.plan_config import PlanConfig

    asked = load_slice(args.plan, PlanConfig, "plan")
    plan = make_plan(args.snakefile, args.directory, args.recipe, args.config, asked)
    print("\n".join(report(plan)))


if __name__ == "__main__":
    run(main)
