"""Estimate jobs, time and disk space of a recipe from its config, before it runs.

The jobs are those of Snakemake's dry run (`jobs`). The amount of work of each follows from the
config and the sizes of the corpora, published or counted (`sizes`, `amounts`). Costs per unit of
work are data (`costs`, costs.yaml). `schedule` simulates the jobs on a number of slots.
"""
