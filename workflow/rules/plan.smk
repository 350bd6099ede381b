# config -> jobs, time and disk, as a table           config: plan         library: steps_py/plan/


rule plan:
    """Print the estimated time and disk space of the workflow; no corpus is needed."""
    log:
        "logs/plan.log",
    localrule: True
    threads: CLUSTER.threads("plan")
    resources:
        **CLUSTER.resources("plan"),
    params:
        snakefile=workflow.main_snakefile,
        recipe=recipe_file("."),
        config=json.dumps(config),
        plan=slice_of("plan"),
    shell:
        "python -m steps_py.stages.plan --snakefile {params.snakefile:q}"
        " --recipe {params.recipe:q} --config {params.config:q} --plan {params.plan:q}"
        " 2> {log} || {{ cat {log} >&2; exit 1; }}"
